package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/google/uuid"
)

func main() {
	if len(os.Args) > 1 {
		answer, err := http.Get("http://127.0.0.1:8000/health")
		if err != nil || answer.StatusCode != 200 {
			os.Exit(1)
		}
		return
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, uuid.NewString()) })
	panic(http.ListenAndServe(":8000", nil))
}
