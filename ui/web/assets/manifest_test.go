package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// A manifest says where other people's files are from; its paths are below
// ui/web.
type manifest struct {
	Libraries []struct {
		Name, Version, License, Source, Integrity string
		Files                                     []struct{ Path, From, SHA256 string }
	}
}

func TestVendoredFilesAreAsTheManifestSays(t *testing.T) {
	root := os.DirFS("..")
	text, err := os.ReadFile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, lib := range m.Libraries {
		if lib.Name == "" || lib.Version == "" || lib.License == "" || !strings.HasPrefix(lib.Integrity, "sha512-") ||
			lib.Source != "npm package "+lib.Name+", version "+lib.Version {
			t.Errorf("%s: an entry needs name, version, license, source and integrity", lib.Name)
		}
		licensed := false
		for _, f := range lib.Files {
			named = append(named, f.Path)
			licensed = licensed || path.Base(f.Path) == "LICENSE"
			body, err := fs.ReadFile(root, f.Path)
			if err != nil {
				t.Errorf("%s: %v", lib.Name, err)
				continue
			}
			if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != f.SHA256 {
				t.Errorf("%s is not the file the manifest names (%x)", f.Path, sum)
			}
		}
		if !licensed {
			t.Errorf("%s: no LICENSE", lib.Name)
		}
	}
	for _, dir := range []string{"assets/lib", "browsertest/lib"} {
		for _, name := range filesIn(t, root, dir) {
			if !slices.Contains(named, name) {
				t.Errorf("%s is in no entry of the manifest", name)
			}
		}
	}
}

func filesIn(t *testing.T, root fs.FS, dir string) (names []string) {
	t.Helper()
	err := fs.WalkDir(root, dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Every bare name a library imports must be in the import map, or the page
// stays empty; and every file the map names must be there.
func TestImportMapIsComplete(t *testing.T) {
	var m struct{ Imports map[string]string }
	if err := json.Unmarshal([]byte(importMap), &m); err != nil {
		t.Fatal(err)
	}
	for name, file := range m.Imports {
		if _, err := fs.Stat(shared, strings.TrimPrefix(file, "./")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range filesIn(t, shared, ".") {
		if ext := path.Ext(name); ext != ".mjs" && ext != ".js" {
			continue
		}
		body, err := fs.ReadFile(shared, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range bareImport.FindAllStringSubmatch(string(body), -1) {
			if _, ok := m.Imports[found[1]]; !ok {
				t.Errorf("%s imports %q, which is not in the import map", name, found[1])
			}
		}
	}
}
