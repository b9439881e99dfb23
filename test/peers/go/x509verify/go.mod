module fleetsec.test/x509verify

go 1.22
