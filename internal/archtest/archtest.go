// Package archtest holds the architecture's rules as tables (rules.go) and
// checks that the source in a tree follows them.
//
// It only parses: nothing is built or resolved, so a whole check takes
// milliseconds and works in a tree that does not compile. What needs types is
// left to the linters.
package archtest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Violation is one place where the source breaks one rule.
type Violation struct {
	File string
	Line int
	Rule string // the rule's name in rules.go, or in this package's source
	What string // what the source does
	Why  string // why it may not, and what to do in its place
}

// String gives the violation in the form that editors jump to.
func (v Violation) String() string {
	return fmt.Sprintf("%s:%d: %s [%s]: %s", v.File, v.Line, v.What, v.Rule, v.Why)
}

// Check returns all violations in the tree, in the order of file and line.
func Check(tree fs.FS) ([]Violation, error) {
	c := checker{fset: token.NewFileSet()}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if skipped(tree, name) {
			return fs.SkipDir
		}
		return c.folder(tree, name)
	})
	if err != nil {
		return nil, fmt.Errorf("check architecture: %w", err)
	}
	slices.SortStableFunc(c.found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return c.found, nil
}

// skipped tells whether the go tool, too, ignores the folder: hidden folders,
// test data, and modules of their own.
func skipped(tree fs.FS, name string) bool {
	if name == "." {
		return false
	}
	base := path.Base(name)
	if base[0] == '.' || base[0] == '_' || base == "testdata" || base == "vendor" || base == "node_modules" {
		return true
	}
	_, err := fs.Stat(tree, path.Join(name, "go.mod"))
	return err == nil
}

type checker struct {
	fset  *token.FileSet
	found []Violation
}

// A file is one parsed Go file and what its name tells.
type file struct {
	*ast.File
	name      string
	folder    string
	test      bool
	generated bool
}

// packages maps the names under which the file knows its imports to their paths.
// Without types the name of an import is a guess from its path; for the
// packages in our tables the guess is right.
func (f file) packages() map[string]string {
	byName := make(map[string]string)
	for _, spec := range f.Imports {
		imported := importPath(spec)
		name := path.Base(imported)
		if len(name) == 2 && name[0] == 'v' {
			name = path.Base(path.Dir(imported))
		}
		name = strings.TrimPrefix(name, "go-")
		if spec.Name != nil {
			name = spec.Name.Name
		}
		byName[name] = imported
	}
	return byName
}

func (c *checker) report(f file, at token.Pos, rule, what, why string) {
	c.found = append(c.found, Violation{f.name, c.fset.Position(at).Line, rule, what, why})
}

// folder checks the Go files directly inside one folder: a package and its tests.
func (c *checker) folder(tree fs.FS, folder string) error {
	names, err := fs.Glob(tree, path.Join(folder, "*.go"))
	if err != nil {
		return err
	}
	var files []file
	for _, name := range names {
		src, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(c.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, file{
			File: parsed, name: name, folder: folder,
			test:      strings.HasSuffix(name, "_test.go"),
			generated: strings.HasSuffix(name, ".pb.go"),
		})
	}
	constants := make(map[string]bool)
	for _, f := range files {
		r, placed := rowOf(folder)
		if !f.test && !placed {
			c.report(f, f.Package, "layout", "folder "+folder+" is not in the table of packages",
				"give it a place: add a row to layout in internal/archtest/rules.go, and say in ARCHITECTURE.md what it is for")
		}
		c.packageName(f)
		if placed {
			c.imports(f, r)
		}
		if f.test {
			continue
		}
		c.calls(f, r)
		if !f.generated {
			c.declarations(f, constants)
		}
	}
	for _, f := range files {
		if !f.test {
			c.assignments(f, constants)
		}
	}
	return nil
}

func (c *checker) packageName(f file) {
	name := strings.TrimSuffix(f.Name.Name, "_test")
	if slices.Contains(vagueNames, name) || slices.Contains(vagueNames, path.Base(f.folder)) {
		c.report(f, f.Package, "vague-name", "package "+name+" in folder "+f.folder,
			"the name says nothing about what is inside: name it after what it provides")
	}
}

// imports checks one file against the tiers and against importRules.
func (c *checker) imports(f file, from row) {
	for _, spec := range f.Imports {
		imported := importPath(spec)
		if why := badTier(from, imported, f.test); why != "" {
			c.report(f, spec.Pos(), "tiers", "imports "+imported, why)
		}
		for _, rule := range importRules {
			if rule.bindsFile(from, f.test) && matches(rule.never, imported) && !matches(rule.but, imported) {
				c.report(f, spec.Pos(), rule.name, "imports "+imported, rule.why)
			}
		}
	}
}

func (r importRule) bindsFile(from row, test bool) bool {
	if test && !r.tests || slices.Contains(r.exempt, from.folder) {
		return false
	}
	if r.binds == 0 {
		return from.traits&free == 0
	}
	return from.traits&r.binds != 0
}

// badTier says why the import goes the wrong way; "" if it does not.
//
// Tests may import sideways and testnet: history is a fine partner in a test of
// direct. They may not import upward: such a test belongs to the upper package.
func badTier(from row, imported string, test bool) string {
	folder, ours := strings.CutPrefix(imported, module+"/")
	if !ours || from.traits&free != 0 {
		return ""
	}
	to, placed := rowOf(folder)
	switch {
	case !placed:
		return "the folder is not in the table of packages"
	case to.folder == from.folder:
		return ""
	case to.traits&free != 0:
		if test {
			return ""
		}
		return "it is no part of the product: only tests may import it"
	case to.tier < from.tier, slices.Contains(from.also, to.folder):
		return ""
	case to.tier == from.tier && test:
		return ""
	default:
		return fmt.Sprintf("imports go downward only, and %s (tier %d) is not below %s (tier %d): declare an interface here and let an upper package join the two",
			to.folder, to.tier, from.folder, from.tier)
	}
}

// calls checks every use of a name of another package against callRules.
func (c *checker) calls(f file, from row) {
	packages := f.packages()
	for _, spec := range f.Imports {
		if spec.Name != nil && spec.Name.Name == "." {
			c.report(f, spec.Pos(), "dot-import", "imports "+importPath(spec)+" into its own names",
				"neither a reader nor this test can tell whose names are used")
		}
	}
	ast.Inspect(f.File, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		imported, ok := packages[x.Name]
		if !ok {
			return true
		}
		used := imported + "." + sel.Sel.Name
		for _, rule := range callRules {
			bound := from.traits&rule.binds != 0 || rule.binds == 0 && from.traits&program == 0
			if bound && slices.ContainsFunc(rule.never, func(p string) bool { return matchesName(p, used) }) {
				c.report(f, sel.Pos(), rule.name, "uses "+used, rule.why)
			}
		}
		return true
	})
}

// declarations checks what a file declares at package level. It adds the
// variables that are allowed because nobody assigns to them to constants.
func (c *checker) declarations(f file, constants map[string]bool) {
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				c.report(f, d.Pos(), "no-init", "declares init",
					"it runs for everybody who imports the package, at a time nobody chose: call a function from the constructor")
			}
		case *ast.GenDecl:
			if d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				c.variables(f, d, spec.(*ast.ValueSpec), constants)
			}
		}
	}
}

// variables checks one package-level var. Allowed are error values by the names
// Err... and err..., interface assertions (_), embedded files, and whatever a
// comment "//archtest:constant reason" declares to be set once. The reason may
// stand in the rest of the comment, too.
func (c *checker) variables(f file, decl *ast.GenDecl, spec *ast.ValueSpec, constants map[string]bool) {
	if makesLogger(f, spec) {
		c.report(f, spec.Pos(), "no-package-logger", "declares the logger "+spec.Names[0].Name+" at package level",
			"two nodes in one process would share it: take a *slog.Logger in Config.Log")
		return
	}
	marked := false
	for _, group := range []*ast.CommentGroup{decl.Doc, spec.Doc, spec.Comment} {
		switch reason, ok := directive(group, "//archtest:constant"); {
		case ok && reason == "" && len(strings.TrimSpace(group.Text())) == 0:
			c.report(f, spec.Pos(), "no-variable", "//archtest:constant without a reason",
				"say after it, or in the comment above it, why this cannot be a const or a field")
			marked = true
		case ok:
			marked = true
		}
		if _, ok := directive(group, "//go:embed"); ok {
			marked = true
		}
	}
	for _, name := range spec.Names {
		switch {
		case name.Name == "_":
		case marked, isErrorName(name.Name):
			constants[name.Name] = true
		default:
			c.report(f, name.Pos(), "no-variable", "declares the package-level variable "+name.Name,
				"shared state has no owner: make it a const, a field or a function; for a table that nobody changes add //archtest:constant and the reason")
		}
	}
}

// assignments checks that nobody changes the variables that were let pass as
// constants. It goes by name, so a local variable of that name counts too.
func (c *checker) assignments(f file, constants map[string]bool) {
	change := func(target ast.Expr) {
		if name := root(target); constants[name] {
			c.report(f, target.Pos(), "no-variable", "changes "+name,
				"it is declared as a package-level constant; if this is a local variable, give it another name")
		}
	}
	ast.Inspect(f.File, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, target := range n.Lhs {
					change(target)
				}
			}
		case *ast.IncDecStmt:
			change(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				change(n.X)
			}
		case *ast.CallExpr:
			if fun, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && (fun.Name == "delete" || fun.Name == "clear" || fun.Name == "copy") {
				change(n.Args[0])
			}
		}
		return true
	})
}

// rowOf finds the row of a folder: its own, or that of the folder it is in.
func rowOf(folder string) (row, bool) {
	for ; folder != "."; folder = path.Dir(folder) {
		for _, r := range layout {
			if r.folder == folder {
				return r, true
			}
		}
	}
	return row{}, false
}

// matches tells whether one of the patterns stands for the import path.
func matches(patterns []string, imported string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if own, ok := strings.CutPrefix(p, "./"); ok {
			p = module + "/" + own
		}
		p, below := strings.CutSuffix(p, "/...")
		return imported == p || below && strings.HasPrefix(imported, p+"/")
	})
}

// matchesName is matches for "import/path.Name", where the pattern may end in "*".
func matchesName(pattern, used string) bool {
	start, open := strings.CutSuffix(pattern, "*")
	return used == start || open && strings.HasPrefix(used, start)
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil { // the parser has checked it
		return spec.Path.Value
	}
	return p
}

// directive finds a comment that starts with word, and returns the rest of its line.
func directive(group *ast.CommentGroup, word string) (rest string, ok bool) {
	if group == nil {
		return "", false
	}
	for _, comment := range group.List {
		if rest, ok := strings.CutPrefix(comment.Text, word); ok {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}

// isErrorName tells whether a name is that of an error value: ErrForged, errClosed.
func isErrorName(name string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(name[:1])+name[1:], "err")
	return ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z'
}

// makesLogger tells whether a variable's type or value comes from a logger
// package. Levels and attributes do, too, but are no loggers.
func makesLogger(f file, spec *ast.ValueSpec) (found bool) {
	packages := f.packages()
	inspect := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false // what a function logs is for callRules
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && matches(loggers, packages[x.Name]) {
				name := n.Sel.Name
				found = found || name == "Logger" || name == "Default" || strings.HasPrefix(name, "New")
			}
		}
		return true
	}
	if spec.Type != nil {
		ast.Inspect(spec.Type, inspect)
	}
	for _, value := range spec.Values {
		ast.Inspect(value, inspect)
	}
	return found
}

// root returns the variable that an assignment to x, x.f, x[i] or *x changes.
func root(target ast.Expr) string {
	for {
		switch e := target.(type) {
		case *ast.Ident:
			return e.Name
		case *ast.SelectorExpr:
			target = e.X
		case *ast.IndexExpr:
			target = e.X
		case *ast.StarExpr:
			target = e.X
		case *ast.ParenExpr:
			target = e.X
		default:
			return ""
		}
	}
}
