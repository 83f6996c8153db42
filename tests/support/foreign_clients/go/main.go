// What a client in Go gets from a server: net/http and grpc-go, with messages made from the protocol's descriptors.
//
// Reads {"http", "grpc", "descriptors", "rows"} from standard input and writes what came of each step as one JSON object.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

type asked struct {
	HTTP, GRPC, Descriptors string
	Rows                    int
}

type object = map[string]any

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Over HTTP.

func get(url string) (int, any) { return said(http.Get(url)) }

func post(url string, body []byte, headers map[string]string) (*http.Response, error) {
	request := must(http.NewRequest("POST", url, bytes.NewReader(body)))
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	return http.DefaultClient.Do(request)
}

func said(response *http.Response, err error) (int, any) {
	body := must(io.ReadAll(must(response, err).Body))
	var told any
	_ = json.Unmarshal(body, &told)
	return response.StatusCode, told
}

func tensor(name, datatype string, shape []int, data any) object {
	return object{"name": name, "datatype": datatype, "shape": shape, "data": data}
}

func small() []object {
	return []object{
		tensor("x", "FP32", []int{1, 3}, []float32{1, -2.5, 3}),
		tensor("s", "BYTES", []int{1, 3}, []string{"a", "é", ""}),
		tensor("n", "INT64", []int{1, 3}, []int64{1, math.MaxInt64, math.MinInt64}),
	}
}

func strings_(texts ...string) []byte {
	var raw []byte
	for _, text := range texts {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(len(text)))
		raw = append(raw, text...)
	}
	return raw
}

func rawInputs(rows int) (x, s, n []byte) {
	for i := 0; i < 3*rows; i++ {
		x = binary.LittleEndian.AppendUint32(x, math.Float32bits(float32(i)))
		s = append(s, strings_(strconv.Itoa(i))...)
		n = binary.LittleEndian.AppendUint64(n, uint64(i))
	}
	return x, s, n
}

func inBinary(url string, rows int) object {
	x, s, n := rawInputs(rows)
	var inputs []object
	for _, each := range []struct {
		name, datatype string
		raw            []byte
	}{{"x", "FP32", x}, {"s", "BYTES", s}, {"n", "INT64", n}} {
		inputs = append(inputs, object{"name": each.name, "datatype": each.datatype, "shape": []int{rows, 3}, "parameters": object{"binary_data_size": len(each.raw)}})
	}
	head := must(json.Marshal(object{"inputs": inputs, "parameters": object{"binary_data_output": true}}))
	body := bytes.Join([][]byte{head, x, s, n}, nil)
	response := must(post(url, body, map[string]string{"Inference-Header-Content-Length": strconv.Itoa(len(head))}))
	answer := must(io.ReadAll(response.Body))
	length := must(strconv.Atoi(response.Header.Get("Inference-Header-Content-Length")))
	return object{"status": response.StatusCode, "same": bytes.Equal(answer[length:], bytes.Join([][]byte{x, s, n}, nil))}
}

func zipped(body []byte) []byte {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	must(writer.Write(body))
	must(0, writer.Close())
	return packed.Bytes()
}

// Over gRPC.

type service struct {
	connection *grpc.ClientConn
	methods    protoreflect.MethodDescriptors
}

func serviceAt(address, descriptors string) service {
	var set descriptorpb.FileDescriptorSet
	must(0, proto.Unmarshal(must(os.ReadFile(descriptors)), &set))
	files := must(protodesc.NewFiles(&set))
	found := must((*protoregistry.Files).FindDescriptorByName(files, "inference.GRPCInferenceService"))
	connection := must(grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())))
	return service{connection, found.(protoreflect.ServiceDescriptor).Methods()}
}

func (s service) call(method string, question object) object {
	descriptor := s.methods.ByName(protoreflect.Name(method))
	request, answer := dynamicpb.NewMessage(descriptor.Input()), dynamicpb.NewMessage(descriptor.Output())
	must(0, protojson.Unmarshal(must(json.Marshal(question)), request))
	err := s.connection.Invoke(context.Background(), "/inference.GRPCInferenceService/"+method, request, answer)
	if err != nil {
		return object{"code": status.Code(err).String(), "message": status.Convert(err).Message()}
	}
	var told object
	must(0, json.Unmarshal(must(protojson.Marshal(answer)), &told))
	return told
}

func grpcTensor(name, datatype string, rows int, contents object) object {
	each := object{"name": name, "datatype": datatype, "shape": []int{rows, 3}}
	if contents != nil {
		each["contents"] = contents
	}
	return each
}

func inContents(model string) object {
	texts := [][]byte{[]byte("a"), []byte("é"), []byte("")}
	return object{"model_name": model, "inputs": []object{
		grpcTensor("x", "FP32", 1, object{"fp32_contents": []float32{1, -2.5, 3}}),
		grpcTensor("s", "BYTES", 1, object{"bytes_contents": texts}),
		grpcTensor("n", "INT64", 1, object{"int64_contents": []string{"1", "9223372036854775807", "-9223372036854775808"}}),
	}}
}

func inRaw(rows int) object {
	x, s, n := rawInputs(rows)
	return object{"model_name": "m", "raw_input_contents": [][]byte{x, s, n}, "inputs": []object{
		grpcTensor("x", "FP32", rows, nil), grpcTensor("s", "BYTES", rows, nil), grpcTensor("n", "INT64", rows, nil),
	}}
}

func joined(answer object) string {
	parts, _ := answer["rawOutputContents"].([]any)
	var all []byte
	for _, part := range parts {
		all = append(all, must(base64.StdEncoding.DecodeString(part.(string)))...)
	}
	return base64.StdEncoding.EncodeToString(all)
}

// contentsOf gives the typed contents of an answer, 64-bit integers as text and bytes as the text that they are.
func contentsOf(answer object) object {
	data := object{}
	outputs, _ := answer["outputs"].([]any)
	for _, each := range outputs {
		output := each.(object)
		for kind, values := range output["contents"].(object) {
			all := values.([]any)
			for i, value := range all {
				if kind == "bytesContents" {
					all[i] = string(must(base64.StdEncoding.DecodeString(value.(string))))
				}
			}
			data[output["name"].(string)] = all
		}
	}
	return data
}

func main() {
	var given asked
	must(0, json.NewDecoder(os.Stdin).Decode(&given))
	model := "http://" + given.HTTP + "/v2/models/m"
	told := object{}
	over := func(step string, status int, answer any) { told[step] = object{"status": status, "answer": answer} }

	status, answer := get("http://" + given.HTTP + "/v2/health/ready")
	over("http ready", status, answer)
	status, answer = get(model)
	over("http metadata", status, answer)
	question := must(json.Marshal(object{"inputs": small()}))
	status, answer = said(post(model+"/infer", question, nil))
	over("http json", status, answer)
	status, answer = said(post(model+"/infer", zipped(question), map[string]string{"Content-Encoding": "gzip"}))
	over("http gzip", status, answer)
	told["http binary"] = inBinary(model+"/infer", given.Rows)
	status, answer = said(post("http://"+given.HTTP+"/v2/models/nobody/infer", question, nil))
	over("http unknown model", status, answer)
	wrong := must(json.Marshal(object{"inputs": append(small()[1:], tensor("x", "FP32", []int{1, 2}, []float32{1, 2}))}))
	status, answer = said(post(model+"/infer", wrong, nil))
	over("http wrong shape", status, answer)

	client := serviceAt(given.GRPC, given.Descriptors)
	told["grpc ready"] = client.call("ModelReady", object{"name": "m"})
	told["grpc metadata"] = client.call("ModelMetadata", object{"name": "m"})
	small := client.call("ModelInfer", inContents("m"))
	told["grpc contents"] = object{"version": small["modelVersion"], "data": contentsOf(small)}
	large, x, s, n := client.call("ModelInfer", inRaw(given.Rows)), []byte(nil), []byte(nil), []byte(nil)
	x, s, n = rawInputs(given.Rows)
	told["grpc raw"] = object{"same": joined(large) == base64.StdEncoding.EncodeToString(bytes.Join([][]byte{x, s, n}, nil))}
	told["grpc unknown model"] = client.call("ModelInfer", inContents("nobody"))
	short := inRaw(1)
	short["raw_input_contents"] = short["raw_input_contents"].([][]byte)[:2]
	told["grpc wrong inputs"] = client.call("ModelInfer", short)
	fmt.Println(string(must(json.Marshal(told))))
}
