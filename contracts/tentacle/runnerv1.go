package tentacle

import "context"

// runnerV1 runs scripts by [ScriptService].
type runnerV1 struct{ service ScriptService }

func (runnerV1) ownTicket() bool { return false }

func (r runnerV1) start(ctx context.Context, s *Script, _ ScriptTicket) (*scriptStatus, error) {
	ticket, err := r.service.StartScript(ctx, &StartScriptCommand{
		ScriptBody: s.Body, Isolation: s.Isolation, Scripts: s.scripts(), Files: s.files(), Arguments: s.arguments(),
		TaskID: s.TaskID, ScriptIsolationMutexTimeout: s.mutexTimeout(), IsolationMutexName: s.mutex(),
	})
	return &scriptStatus{Ticket: ticket}, err
}

// status asks once more when the script is complete: the log of the answer that
// says so need not be all of it.
func (r runnerV1) status(ctx context.Context, ticket ScriptTicket, from int64) (*scriptStatus, error) {
	first, err := statusV1(r.service.GetStatus(ctx, &ScriptStatusRequest{ticket, from}))
	if err != nil || first.State != StateComplete {
		return first, err
	}
	second, err := statusV1(r.service.GetStatus(ctx, &ScriptStatusRequest{ticket, first.Next}))
	if err != nil {
		return nil, err
	}
	second.Logs = append(first.Logs, second.Logs...)
	return second, nil
}

func (r runnerV1) cancel(ctx context.Context, ticket ScriptTicket, from int64) (*scriptStatus, error) {
	return statusV1(r.service.CancelScript(ctx, &CancelScriptCommand{ticket, from}))
}

func (r runnerV1) complete(ctx context.Context, ticket ScriptTicket, from int64) (*scriptStatus, error) {
	return statusV1(r.service.CompleteScript(ctx, &CompleteScriptCommand{ticket, from}))
}

func statusV1(r *ScriptStatusResponse, err error) (*scriptStatus, error) {
	switch {
	case err != nil:
		return nil, err
	case r == nil:
		return nil, errNoStatus
	}
	return &scriptStatus{r.Ticket, r.Logs, r.NextLogSequence, r.State, r.ExitCode}, nil
}
