// Renders kustomizations, many in one process, as the pinned kustomize would.
//
// Each line of standard input is a job, each line of standard output its answer, in whatever order
// they are done:
//
//	{"id": 1, "path": "/repository/overlay", "files": {"/repository/base/patch.yaml": "..."}, "want": ["yaml"]}
//	{"id": 1, "digest": "...", "yaml": "..."}
//
// `files` are read instead of those on disk, or where there is none: absolute paths without symbolic
// links. "want" names what the answer has: "yaml", "objects" (the digest of each, and in "new" the
// JSON of those that no answer before has had), and "seen" (what the rendering has depended on, see
// seen.go). It always has a "digest": two renderings with the same digest are the same. What kustomize
// refuses is {"id": 1, "error": "..."}.
//
// "unrestricted", "helm" (the command), "kubeVersion" and "plugins" are kustomize build's options
// --load-restrictor LoadRestrictionsNone, --enable-helm with --helm-command, --helm-kube-version,
// and --enable-alpha-plugins with --enable-exec. Nothing is fetched without the argument --network.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/yaml"
)

type job struct {
	ID    int               `json:"id"`
	Path  string            `json:"path"`
	Files map[string]string `json:"files"`
	Want  []string          `json:"want"`

	Unrestricted bool   `json:"unrestricted"`
	Helm         string `json:"helm"`
	KubeVersion  string `json:"kubeVersion"`
	Plugins      bool   `json:"plugins"`
}

// options returns those of `kustomize build` with the flags of a job.
func (each job) options() *krusty.Options {
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	if each.Unrestricted {
		options.LoadRestrictions = types.LoadRestrictionsNone
	}
	if each.Plugins {
		options.PluginConfig = types.EnabledPluginConfig(types.BploUseStaticallyLinked)
		options.PluginConfig.FnpLoadingOptions.EnableExec = true
	}
	options.PluginConfig.HelmConfig = types.HelmConfig{
		Enabled: each.Helm != "", Command: each.Helm, KubeVersion: each.KubeVersion,
	}
	return options
}

type answer struct {
	ID      int                        `json:"id"`
	YAML    string                     `json:"yaml,omitempty"`
	Objects []string                   `json:"objects,omitempty"`
	New     map[string]json.RawMessage `json:"new,omitempty"`
	Digest  string                     `json:"digest,omitempty"`
	Seen    map[string]string          `json:"seen,omitempty"`
	Error   string                     `json:"error,omitempty"`
}

// A kustomization may bring a schema of its own, which kustomize keeps for the whole process: such
// a job runs alone, and what it leaves is forgotten.
var schema sync.RWMutex

func bringsSchema(fs filesys.FileSystem, folder string) bool {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if text, err := fs.ReadFile(filepath.Join(folder, name)); err == nil {
			var found struct {
				OpenAPI map[string]string `json:"openapi"`
			}
			return yaml.Unmarshal(text, &found) == nil && len(found.OpenAPI) > 0
		}
	}
	return false
}

func render(each job) (result answer) {
	result.ID = each.ID
	defer func() { // kustomize panics on some input, and the other jobs have nothing to do with it
		if reason := recover(); reason != nil {
			result.Error = fmt.Sprintf("kustomize panicked: %v", reason)
		}
	}()
	fs := watched{filesys.MakeFsOnDisk(), each.Files, map[string]string{}}
	if bringsSchema(fs, each.Path) {
		schema.Lock()
		defer schema.Unlock()
		openapi.ResetOpenAPI()
		defer openapi.ResetOpenAPI()
	} else {
		schema.RLock()
		defer schema.RUnlock()
	}
	objects, err := krusty.MakeKustomizer(each.options()).Run(fs, each.Path)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	if err := describe(objects, each.Want, &result); err != nil {
		result.Error = err.Error()
	}
	if slices.Contains(each.Want, "seen") && fs.isComplete() {
		result.Seen = fs.seen
	}
	return result
}

// told has the digests of the objects that an answer has had.
var told sync.Map

// describe fills in what a job asks to know of its objects.
func describe(objects resmap.ResMap, want []string, result *answer) error {
	sum := sha256.New()
	result.New = map[string]json.RawMessage{}
	var content []byte
	for _, object := range objects.Resources() {
		var text []byte
		var err error
		known := false
		// Not of YAML: that is made from JSON, and costs as much again.
		if content, known = appendContent(content[:0], object.YNode()); !known {
			if text, err = object.MarshalJSON(); err != nil {
				return err
			}
			content = append(content[:0], text...)
		}
		its := sha256.Sum256(content)
		sum.Write(its[:])
		if !slices.Contains(want, "objects") {
			continue
		}
		name := hex.EncodeToString(its[:])
		result.Objects = append(result.Objects, name)
		if _, known := told.Load(name); known {
			continue
		}
		if text == nil { // of the nodes: kustomize would write YAML, and parse that
			var value map[string]any
			if err := object.YNode().Decode(&value); err != nil {
				return err
			}
			if text, err = json.Marshal(value); err != nil {
				return err
			}
		}
		result.New[name] = text
	}
	result.Digest = hex.EncodeToString(sum.Sum(nil))
	if !slices.Contains(want, "yaml") {
		return nil
	}
	text, err := objects.AsYaml()
	result.YAML = string(text)
	return err
}

func main() {
	// Short-lived: memory is cheaper than collecting it, up to a tenth of a gigabyte. Twice of that
	// saves a twelfth of the time.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(1 << 30 / 10)
	if !slices.Contains(os.Args, "--network") {
		refuseNetwork()
	}

	jobs := make(chan job)
	answers := make(chan answer)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for each := range jobs {
				answers <- render(each)
			}
		})
	}
	go func() {
		lines := json.NewDecoder(bufio.NewReader(os.Stdin))
		for lines.More() {
			var each job
			if err := lines.Decode(&each); err != nil {
				fmt.Fprintln(os.Stderr, "a job that cannot be read:", err)
				os.Exit(2)
			}
			jobs <- each
		}
		close(jobs)
		workers.Wait()
		close(answers)
	}()

	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for each := range answers {
		for name := range each.New {
			if _, known := told.LoadOrStore(name, true); known {
				delete(each.New, name)
			}
		}
		if err := encoder.Encode(each); err != nil {
			os.Exit(1)
		}
	}
}
