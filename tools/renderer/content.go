package main

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// appendContent appends what tells the content of a node from any other: it is the same for two
// nodes if their JSON is, however they are written. Kustomize makes JSON by writing YAML and parsing
// that, which costs as much as a fifth of a rendering. It returns false for what is rare, and whose
// JSON kustomize must make or refuse.
func appendContent(to []byte, node *yaml.Node) ([]byte, bool) {
	if node.Anchor != "" {
		return nil, false
	}
	switch node.Kind {
	case yaml.DocumentNode:
		if len(node.Content) != 1 {
			return nil, false
		}
		return appendContent(to, node.Content[0])
	case yaml.MappingNode:
		return appendMapping(to, node)
	case yaml.SequenceNode:
		to = appendCount(to, 'l', len(node.Content))
		for _, item := range node.Content {
			var ok bool
			if to, ok = appendContent(to, item); !ok {
				return nil, false
			}
		}
		return to, true
	case yaml.ScalarNode:
		return appendScalar(to, node)
	}
	return nil, false
}

// appendMapping appends the keys in their order: JSON has none.
func appendMapping(to []byte, node *yaml.Node) ([]byte, bool) {
	type pair struct{ key, value *yaml.Node }
	pairs := make([]pair, 0, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != yaml.NodeTagString {
			return nil, false
		}
		pairs = append(pairs, pair{key, node.Content[i+1]})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.key.Value, b.key.Value) })
	to = appendCount(to, 'm', len(pairs))
	for i, each := range pairs {
		if i > 0 && each.key.Value == pairs[i-1].key.Value {
			return nil, false
		}
		to = appendText(to, 's', each.key.Value)
		var ok bool
		if to, ok = appendContent(to, each.value); !ok {
			return nil, false
		}
	}
	return to, true
}

// appendScalar appends a text, or the JSON of another value: 16, 0x10 and 16.0 are one.
func appendScalar(to []byte, node *yaml.Node) ([]byte, bool) {
	if node.ShortTag() == yaml.NodeTagString {
		return appendText(to, 's', node.Value), true
	}
	var value any
	if node.Decode(&value) != nil {
		return nil, false
	}
	if text, is := value.(string); is {
		return appendText(to, 's', text), true
	}
	said, err := json.Marshal(value)
	if err != nil {
		return nil, false
	}
	if len(said) > 0 && said[0] == '"' { // a time
		return nil, false
	}
	return appendText(to, 'v', string(said)), true
}

func appendText(to []byte, kind byte, text string) []byte {
	return append(appendCount(to, kind, len(text)), text...)
}

func appendCount(to []byte, kind byte, count int) []byte {
	return binary.AppendUvarint(append(to, kind), uint64(count))
}
