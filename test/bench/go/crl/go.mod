module crl

go 1.26.0
