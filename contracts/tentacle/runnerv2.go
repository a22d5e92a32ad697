package tentacle

import "context"

// runnerV2 runs scripts by [ScriptServiceV2].
type runnerV2 struct{ service ScriptServiceV2 }

func (runnerV2) ownTicket() bool { return true }

func (r runnerV2) start(ctx context.Context, s *Script, ticket ScriptTicket) (*scriptStatus, error) {
	return statusV2(r.service.StartScript(ctx, &StartScriptCommandV2{
		ScriptTicket: ticket, ScriptBody: s.Body, TaskID: s.TaskID, DurationToWaitForScriptToFinish: s.startWait(),
		Isolation: s.Isolation, ScriptIsolationMutexTimeout: s.mutexTimeout(), IsolationMutexName: s.mutex(),
		Scripts: s.scripts(), Files: s.files(), Arguments: s.arguments(),
	}))
}

func (r runnerV2) status(ctx context.Context, ticket ScriptTicket, from int64) (*scriptStatus, error) {
	return statusV2(r.service.GetStatus(ctx, &ScriptStatusRequestV2{ticket, from}))
}

func (r runnerV2) cancel(ctx context.Context, ticket ScriptTicket, from int64) (*scriptStatus, error) {
	return statusV2(r.service.CancelScript(ctx, &CancelScriptCommandV2{ticket, from}))
}

func (r runnerV2) complete(ctx context.Context, ticket ScriptTicket, _ int64) (*scriptStatus, error) {
	return nil, r.service.CompleteScript(ctx, &CompleteScriptCommandV2{ticket})
}

func statusV2(r *ScriptStatusResponseV2, err error) (*scriptStatus, error) {
	switch {
	case err != nil:
		return nil, err
	case r == nil:
		return nil, errNoStatus
	}
	return &scriptStatus{r.Ticket, r.Logs, r.NextLogSequence, r.State, r.ExitCode}, nil
}
