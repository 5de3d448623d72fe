package wire_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// PROTOCOL.md, section 10, states each limit under its name in the code. Here
// the source is asked, without being run, whether it agrees.
func TestProtocolStatesTheLimitsOfTheCode(t *testing.T) {
	doc, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(doc), "\n## 10 ")
	if !ok {
		t.Fatal("PROTOCOL.md has no section 10")
	}
	table, _, _ = strings.Cut(table, "\n## ") // of the next section
	rows := regexp.MustCompile("(?m)^\\| `([a-z/]+)\\.([A-Za-z0-9.]+)` \\| ([^|]+) \\| ([^|]+) \\|$").FindAllStringSubmatch(table, -1)
	if lines := strings.Count(table, "\n| `"); len(rows) != lines || lines == 0 {
		t.Errorf("%d of %d rows of the table can be read", len(rows), lines)
	}
	src := &source{packages: make(map[string]map[string]ast.Expr)}
	stated := make(map[string]bool)
	for _, row := range rows {
		pkg, name, said := row[1], row[2], row[3]
		if stated[pkg+"."+name] {
			t.Errorf("%s.%s stands twice in the table", pkg, name)
		}
		stated[pkg+"."+name] = true
		want, err := quantity(said)
		if err != nil {
			t.Errorf("%s.%s: %v", pkg, name, err)
			continue
		}
		got, err := src.value(pkg, name)
		if err != nil {
			t.Errorf("%s.%s: %v", pkg, name, err)
		} else if !constant.Compare(got, token.EQL, want) {
			t.Errorf("PROTOCOL.md says that %s.%s is %s, the code says %s", pkg, name, said, got)
		}
	}
	// The limits of what is on the wire are all there.
	for _, pkg := range []string{"chat", "wire"} {
		limits, err := src.load(pkg)
		if err != nil {
			t.Fatal(err)
		}
		for name := range limits {
			if strings.HasPrefix(strings.ToLower(name), "max") && !stated[pkg+"."+name] {
				t.Errorf("PROTOCOL.md, section 10, does not state %s.%s", pkg, name)
			}
		}
	}
}

// quantity reads "48 KiB", "1500 ms" or "256".
func quantity(s string) (constant.Value, error) {
	number, unit, _ := strings.Cut(s, " ")
	factor, ok := map[string]int64{
		"": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20,
		"ms": int64(time.Millisecond), "s": int64(time.Second), "min": int64(time.Minute), "h": int64(time.Hour),
	}[unit]
	v := constant.MakeFromLiteral(number, token.INT, 0)
	if !ok || v.Kind() != constant.Int {
		return nil, fmt.Errorf("%q is no quantity", s)
	}
	return constant.BinaryOp(v, token.MUL, constant.MakeInt64(factor)), nil
}

// A source evaluates the named constants of our packages.
type source struct {
	packages map[string]map[string]ast.Expr
}

// load finds the constants of a package, and, as "limits.x", what the function
// defaultLimits sets.
func (s *source) load(pkg string) (map[string]ast.Expr, error) {
	if found, ok := s.packages[pkg]; ok {
		return found, nil
	}
	files, err := filepath.Glob(path.Join("..", pkg, "*.go"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no package %s (%w)", pkg, err)
	}
	found := make(map[string]ast.Expr)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			collect(found, d)
		}
	}
	s.packages[pkg] = found
	return found, nil
}

func collect(found map[string]ast.Expr, d ast.Decl) {
	switch d := d.(type) {
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.CONST && len(v.Values) == len(v.Names) {
				for i, name := range v.Names {
					found[name.Name] = v.Values[i]
				}
			}
		}
	case *ast.FuncDecl:
		if d.Name.Name != "defaultLimits" {
			return
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if kv, ok := n.(*ast.KeyValueExpr); ok {
				if key, ok := kv.Key.(*ast.Ident); ok {
					found["limits."+key.Name] = kv.Value
				}
			}
			return true
		})
	}
}

func (s *source) value(pkg, name string) (constant.Value, error) {
	if pkg == "time" {
		for d, names := range map[time.Duration]string{
			time.Millisecond: "Millisecond", time.Second: "Second", time.Minute: "Minute", time.Hour: "Hour",
		} {
			if names == name {
				return constant.MakeInt64(int64(d)), nil
			}
		}
	}
	found, err := s.load(pkg)
	if err != nil {
		return nil, err
	}
	expr, ok := found[name]
	if !ok {
		return nil, fmt.Errorf("package %s has no constant %s", pkg, name)
	}
	return s.eval(pkg, expr)
}

func (s *source) eval(pkg string, e ast.Expr) (constant.Value, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.INT {
			return constant.MakeFromLiteral(e.Value, e.Kind, 0), nil
		}
	case *ast.ParenExpr:
		return s.eval(pkg, e.X)
	case *ast.Ident:
		return s.value(pkg, e.Name)
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return s.value(x.Name, e.Sel.Name)
		}
	case *ast.BinaryExpr:
		x, err := s.eval(pkg, e.X)
		if err != nil {
			return nil, err
		}
		y, err := s.eval(pkg, e.Y)
		if err != nil {
			return nil, err
		}
		switch e.Op {
		case token.SHL, token.SHR:
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, e.Op, uint(n)), nil
		case token.QUO:
			return constant.BinaryOp(x, token.QUO_ASSIGN, y), nil // of integers
		case token.ADD, token.SUB, token.MUL:
			return constant.BinaryOp(x, e.Op, y), nil
		}
	}
	return nil, fmt.Errorf("cannot evaluate a %T in package %s", e, pkg)
}
