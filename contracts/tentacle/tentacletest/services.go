package tentacletest

import (
	"context"

	"github.com/halibut-go/halibut/contracts/tentacle"
)

// scriptService plays the first service.
type scriptService struct{ t *Tentacle }

func (p scriptService) StartScript(_ context.Context, c *tentacle.StartScriptCommand) (tentacle.ScriptTicket, error) {
	s, err := p.t.start(command{tentacle.NewScriptTicket(), c.TaskID, c.ScriptBody, c.Scripts, c.Files, c.Arguments})
	if err != nil {
		return tentacle.ScriptTicket{}, err
	}
	return s.Ticket, nil
}

func (p scriptService) GetStatus(_ context.Context, r *tentacle.ScriptStatusRequest) (*tentacle.ScriptStatusResponse, error) {
	return p.answer(p.t.find(r.Ticket), r.Ticket, r.LastLogSequence), nil
}

func (p scriptService) CancelScript(_ context.Context, c *tentacle.CancelScriptCommand) (*tentacle.ScriptStatusResponse, error) {
	return p.answer(p.t.cancelScript(c.Ticket), c.Ticket, c.LastLogSequence), nil
}

func (p scriptService) CompleteScript(_ context.Context, c *tentacle.CompleteScriptCommand) (*tentacle.ScriptStatusResponse, error) {
	response := p.answer(p.t.find(c.Ticket), c.Ticket, c.LastLogSequence)
	p.t.forget(c.Ticket)
	return response, nil
}

func (scriptService) answer(s *Script, ticket tentacle.ScriptTicket, from int64) *tentacle.ScriptStatusResponse {
	r := &tentacle.ScriptStatusResponse{Ticket: ticket}
	r.Logs, r.NextLogSequence, r.State, r.ExitCode = s.status(from)
	return r
}

// scriptServiceV2 plays today's service.
type scriptServiceV2 struct{ t *Tentacle }

func (p scriptServiceV2) StartScript(ctx context.Context, c *tentacle.StartScriptCommandV2) (*tentacle.ScriptStatusResponseV2, error) {
	s, err := p.t.start(command{c.ScriptTicket, c.TaskID, c.ScriptBody, c.Scripts, c.Files, c.Arguments})
	if err != nil {
		return nil, err
	}
	s.wait(ctx, waitOf(c.DurationToWaitForScriptToFinish))
	return p.answer(s, c.ScriptTicket, 0), nil
}

func (p scriptServiceV2) GetStatus(_ context.Context, r *tentacle.ScriptStatusRequestV2) (*tentacle.ScriptStatusResponseV2, error) {
	return p.answer(p.t.find(r.Ticket), r.Ticket, r.LastLogSequence), nil
}

func (p scriptServiceV2) CancelScript(_ context.Context, c *tentacle.CancelScriptCommandV2) (*tentacle.ScriptStatusResponseV2, error) {
	return p.answer(p.t.cancelScript(c.Ticket), c.Ticket, c.LastLogSequence), nil
}

func (p scriptServiceV2) CompleteScript(_ context.Context, c *tentacle.CompleteScriptCommandV2) error {
	p.t.forget(c.Ticket)
	return nil
}

func (scriptServiceV2) answer(s *Script, ticket tentacle.ScriptTicket, from int64) *tentacle.ScriptStatusResponseV2 {
	r := &tentacle.ScriptStatusResponseV2{Ticket: ticket}
	r.Logs, r.NextLogSequence, r.State, r.ExitCode = s.status(from)
	return r
}

// kubernetesScriptServiceV1 plays the Kubernetes agent's service.
type kubernetesScriptServiceV1 struct{ t *Tentacle }

func (p kubernetesScriptServiceV1) StartScript(_ context.Context, c *tentacle.StartKubernetesScriptCommandV1) (*tentacle.KubernetesScriptStatusResponseV1, error) {
	s, err := p.t.start(command{c.ScriptTicket, c.TaskID, c.ScriptBody, c.Scripts, c.Files, c.Arguments})
	if err != nil {
		return nil, err
	}
	return p.answer(s, c.ScriptTicket, 0), nil
}

func (p kubernetesScriptServiceV1) GetStatus(_ context.Context, r *tentacle.KubernetesScriptStatusRequestV1) (*tentacle.KubernetesScriptStatusResponseV1, error) {
	return p.answer(p.t.find(r.ScriptTicket), r.ScriptTicket, r.LastLogSequence), nil
}

func (p kubernetesScriptServiceV1) CancelScript(_ context.Context, c *tentacle.CancelKubernetesScriptCommandV1) (*tentacle.KubernetesScriptStatusResponseV1, error) {
	return p.answer(p.t.cancelScript(c.ScriptTicket), c.ScriptTicket, c.LastLogSequence), nil
}

func (p kubernetesScriptServiceV1) CompleteScript(_ context.Context, c *tentacle.CompleteKubernetesScriptCommandV1) error {
	p.t.forget(c.ScriptTicket)
	return nil
}

func (kubernetesScriptServiceV1) answer(s *Script, ticket tentacle.ScriptTicket, from int64) *tentacle.KubernetesScriptStatusResponseV1 {
	r := &tentacle.KubernetesScriptStatusResponseV1{ScriptTicket: ticket}
	r.Logs, r.NextLogSequence, r.State, r.ExitCode = s.status(from)
	return r
}
