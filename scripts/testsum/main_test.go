package main

import (
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	for _, tc := range []struct {
		name                    string
		in                      string
		passed, failed, skipped int
		want                    string
	}{
		{
			"a passing package is one line",
			`{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1}
{"Action":"output","Package":"p","Output":"ok  \tp\t(cached)\n"}
{"Action":"pass","Package":"p","Elapsed":1.5}
`,
			1, 0, 0, "ok    p (1.50s, 1 tests, cached)\n",
		},
		{
			"a failure shows its output",
			`{"Action":"output","Package":"p","Test":"TestA","Output":"a_test.go:1: no\n"}
{"Action":"fail","Package":"p","Test":"TestA","Elapsed":1}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p","Elapsed":1.5}
`,
			0, 1, 0, "FAIL  p TestA (1.00s)\na_test.go:1: no\nFAIL  p (1.50s)\nFAIL\n",
		},
		{
			"a skip shows its reason",
			`{"Action":"output","Package":"p","Test":"TestA","Output":"a_test.go:1: needs tmux\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":1}
`,
			0, 0, 1, "skip  p TestA\na_test.go:1: needs tmux\nok    p (1.00s, 1 tests)\n",
		},
		{
			"a test that hangs shows its stack",
			`{"Action":"output","Package":"p","Test":"TestA","Output":"goroutine 1\n"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p","Elapsed":1.5}
`,
			0, 1, 0, "FAIL  p TestA (did not end)\ngoroutine 1\nFAIL  p (1.50s)\nFAIL\n",
		},
		{
			"a package that does not build is a failure",
			`{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:1: bad\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}
`,
			0, 1, 0, "FAIL  p (0.00s)\np.go:1: bad\nFAIL\tp [build failed]\n",
		},
		{
			"a package without tests is silent, plain text is passed on",
			"go: warning\n" + `{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}
{"Action":"skip","Package":"p"}
`,
			0, 0, 0, "go: warning\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			s := newSummary(&out)
			if err := s.read(strings.NewReader(tc.in)); err != nil {
				t.Fatal(err)
			}
			if s.passed != tc.passed || s.failed != tc.failed || s.skipped != tc.skipped {
				t.Errorf("got %d passed, %d failed, %d skipped; want %d, %d, %d",
					s.passed, s.failed, s.skipped, tc.passed, tc.failed, tc.skipped)
			}
			if out.String() != tc.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), tc.want)
			}
		})
	}
}
