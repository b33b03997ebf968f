// Command nodenet-cni is the CNI plugin that lets a pod start when nodenet has put its policies in place.
//
// It is a program of its own because it is started for every pod, and nodenet's libraries take longer to start than it runs.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"dormouse.dev/kind/nodenet/attachment"
)

func main() { os.Exit(run(os.Getenv("CNI_COMMAND"), os.Stdin, os.Stdout)) }

// chained is what a plugin in a CNI chain is given: the configuration with the result of those before it.
type chained struct {
	CNIVersion string          `json:"cniVersion"`
	PrevResult json.RawMessage `json:"prevResult"`
}

// run is one call of the CNI plugin (https://www.cni.dev/docs/spec). It returns the exit status.
func run(command string, in io.Reader, out io.Writer) int {
	var config chained
	err := json.NewDecoder(in).Decode(&config)
	if err == nil {
		switch command {
		case "VERSION":
			_, err = io.WriteString(out, `{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}`)
		case "ADD":
			if err = attach(config); err == nil {
				_, err = out.Write(config.PrevResult)
			}
		case "DEL":
			// A pod must be able to go while nodenet is away; nodenet starts again without it.
			_ = call("/detach", attachment.Attachment{Container: os.Getenv("CNI_CONTAINERID")})
		}
	}
	if err == nil {
		return 0
	}
	message, _ := json.Marshal(map[string]any{"cniVersion": config.CNIVersion, "code": 11, "msg": "nodenet: " + err.Error()}) // 11: try again later
	out.Write(message)
	return 1
}

func attach(config chained) error {
	var result struct {
		IPs []struct {
			Address string `json:"address"`
		} `json:"ips"`
	}
	if err := json.Unmarshal(config.PrevResult, &result); err != nil {
		return fmt.Errorf("the result of the plugins before this one: %w", err)
	}
	arguments := map[string]string{}
	for _, pair := range strings.Split(os.Getenv("CNI_ARGS"), ";") {
		key, value, _ := strings.Cut(pair, "=")
		arguments[key] = value
	}
	pod := attachment.PodName{Namespace: arguments["K8S_POD_NAMESPACE"], Name: arguments["K8S_POD_NAME"]}
	for _, ip := range result.IPs {
		address, _, err := net.ParseCIDR(ip.Address)
		if err != nil {
			return err
		}
		if err := call("/attach", attachment.Attachment{Container: os.Getenv("CNI_CONTAINERID"), Pod: pod, IP: address.String()}); err != nil {
			return err
		}
	}
	return nil
}

// call asks the nodenet of this node.
func call(path string, at attachment.Attachment) error {
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", attachment.Socket)
		},
	}}
	body, err := json.Marshal(at)
	if err != nil {
		return err
	}
	response, err := client.Post("http://nodenet"+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s", strings.TrimSpace(string(text)))
	}
	return nil
}
