// Gitops-health tells what GitOps tools make of an object: kstatus by its own library, Argo CD by a health.lua in a Lua
// as small as Argo CD's, Flux by its health expressions in the order that it documents.
//
// Standard input is one JSON object {"lua": "...", "expressions": {"current": "...", ...}, "objects": {name: object}};
// standard output is {name: {"kstatus": "...", "argo": "...", "argoMessage": "...", "flux": "..."}}. What fails is told as
// "error: ...".
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type question struct {
	Lua         string                     `json:"lua"`
	Expressions map[string]string          `json:"expressions"`
	Objects     map[string]json.RawMessage `json:"objects"`
}

type answer struct {
	Kstatus     string `json:"kstatus"`
	Argo        string `json:"argo"`
	ArgoMessage string `json:"argoMessage"`
	Flux        string `json:"flux"`
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		log.Fatal(err)
	}
	told := map[string]answer{}
	for name, raw := range asked.Objects {
		// Whole numbers become int64, as from the API server.
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		health, message := argo(object, asked.Lua)
		told[name] = answer{kstatus(object), health, message, flux(object, asked.Expressions)}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(told); err != nil {
		log.Fatal(err)
	}
	fmt.Print(out.String())
}

func kstatus(object *unstructured.Unstructured) string {
	result, err := status.Compute(object)
	if err != nil {
		return "error: " + err.Error()
	}
	return result.Status.String()
}

// argo runs a script with the libraries that Argo CD opens: no string, no math, no io.
func argo(object *unstructured.Unstructured, script string) (health, message string) {
	if object.GetDeletionTimestamp() != nil {
		return "Progressing", "Pending deletion"
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		call := lua.P{Fn: state.NewFunction(open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return "error: " + err.Error(), ""
		}
	}
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limited)
	state.SetGlobal("obj", value(state, object.Object))
	if err := state.DoString(script); err != nil {
		return "error: " + err.Error(), ""
	}
	table, isTable := state.Get(-1).(*lua.LTable)
	if !isTable {
		return "error: the script returns no table", ""
	}
	health = lua.LVAsString(table.RawGetString("status"))
	switch health {
	case "Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown":
		return health, lua.LVAsString(table.RawGetString("message"))
	}
	return "error: no such health: " + health, ""
}

func value(state *lua.LState, from any) lua.LValue {
	switch known := from.(type) {
	case map[string]any:
		table := state.NewTable()
		for name, inner := range known {
			table.RawSetString(name, value(state, inner))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, inner := range known {
			table.Append(value(state, inner))
		}
		return table
	case string:
		return lua.LString(known)
	case bool:
		return lua.LBool(known)
	case int64:
		return lua.LNumber(known)
	case float64:
		return lua.LNumber(known)
	}
	return lua.LNil
}

// flux evaluates what stands in healthCheckExprs: another generation is in progress, then inProgress, failed and current.
func flux(object *unstructured.Unstructured, expressions map[string]string) string {
	observed, found, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if err != nil {
		return "error: " + err.Error()
	}
	if found && observed != object.GetGeneration() {
		return status.InProgressStatus.String()
	}
	for _, each := range []struct{ name, result string }{
		{"inProgress", status.InProgressStatus.String()},
		{"failed", status.FailedStatus.String()},
		{"current", status.CurrentStatus.String()},
	} {
		expression, given := expressions[each.name]
		if !given {
			continue
		}
		isSo, err := evaluate(expression, object.Object)
		if err != nil {
			return "error: " + err.Error()
		}
		if isSo {
			return each.result
		}
	}
	return status.InProgressStatus.String()
}

// evaluate parses without checking types, since objects of different kinds have different fields.
func evaluate(expression string, object map[string]any) (bool, error) {
	environment, err := cel.NewEnv(
		cel.HomogeneousAggregateLiterals(), cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(), ext.Strings(), ext.Sets(), ext.Encoders(),
	)
	if err != nil {
		return false, err
	}
	parsed, issues := environment.Parse(expression)
	if issues.Err() != nil {
		return false, issues.Err()
	}
	program, err := environment.Program(parsed)
	if err != nil {
		return false, err
	}
	result, _, err := program.Eval(object)
	if err != nil {
		return false, err
	}
	isSo, isBool := result.Value().(bool)
	if !isBool {
		return false, fmt.Errorf("%s is no boolean", expression)
	}
	return isSo, nil
}
