package convert

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// project is the C# project that the files belong to: what their .csproj says,
// or the folder of the first file where there is none.
type project struct {
	folder   string
	assembly string
	nullable bool
	defined  []string
	single   bool // no .csproj: only the folder's own files belong to it
}

// findProject looks for a .csproj in the first file's folder and those above
// it, up to the end of its repository.
func findProject(files []string) (*project, error) {
	first, err := filepath.Abs(files[0])
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(first)
	for here := folder; ; here = filepath.Dir(here) {
		found, err := filepath.Glob(filepath.Join(here, "*.csproj"))
		if err != nil {
			return nil, err
		}
		if len(found) == 1 {
			return readProject(found[0])
		}
		_, noRepository := os.Stat(filepath.Join(here, ".git"))
		if len(found) > 1 || noRepository == nil || here == filepath.Dir(here) {
			return &project{folder: folder, single: true}, nil
		}
	}
}

func readProject(name string) (*project, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var file struct {
		Groups []struct {
			AssemblyName    string
			Nullable        string
			DefineConstants string
		} `xml:"PropertyGroup"`
	}
	if err := xml.Unmarshal(source, &file); err != nil {
		return nil, fmt.Errorf("read the project %s: %w", name, err)
	}
	p := &project{folder: filepath.Dir(name), assembly: strings.TrimSuffix(filepath.Base(name), ".csproj")}
	for _, group := range file.Groups {
		if group.AssemblyName != "" && !strings.Contains(group.AssemblyName, "$(") {
			p.assembly = strings.TrimSpace(group.AssemblyName)
		}
		if group.Nullable != "" {
			p.nullable = slices.Contains([]string{"enable", "annotations"}, strings.ToLower(strings.TrimSpace(group.Nullable)))
		}
		for _, symbol := range strings.Split(group.DefineConstants, ";") {
			if symbol = strings.TrimSpace(symbol); symbol != "" && !strings.Contains(symbol, "$") {
				p.defined = append(p.defined, symbol)
			}
		}
	}
	return p, nil
}

// files lists the project's sources.
func (p *project) files() []string {
	if p.single {
		files, _ := filepath.Glob(filepath.Join(p.folder, "*.cs"))
		return files
	}
	files, _ := below(p.folder)
	return files
}
