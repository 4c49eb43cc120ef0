package console

import (
	"encoding/json"
	"net/http"
)

// health answers probes. The body says why, whatever the status.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	status := s.options.Node.Status()
	healthy := true
	switch r.URL.Path {
	case "/health/ready":
		healthy = status.Serving
	case "/health/standby":
		healthy = status.Serving || status.Waiting
	case "/health", "/health/live":
	default:
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if !healthy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(status) // who has asked may be gone
}
