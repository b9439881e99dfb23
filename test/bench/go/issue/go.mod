module issue

go 1.26.0
