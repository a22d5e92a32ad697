package tentacle

import "context"

// runnerKubernetes runs scripts by [KubernetesScriptServiceV1].
type runnerKubernetes struct{ service KubernetesScriptServiceV1 }

func (runnerKubernetes) ownTicket() bool { return true }

func (r runnerKubernetes) start(ctx context.Context, s *Script, ticket ScriptTicket) (*scriptStatus, error) {
	k := &s.Kubernetes
	return statusKubernetes(r.service.StartScript(ctx, &StartKubernetesScriptCommandV1{
		IsRawScript: k.Raw, ScriptBody: s.Body, TaskID: s.TaskID, ScriptTicket: ticket,
		Isolation: s.Isolation, ScriptIsolationMutexTimeout: s.mutexTimeout(), IsolationMutexName: s.mutex(),
		PodImageConfiguration: k.Image, Scripts: s.scripts(), Files: s.files(), Arguments: s.arguments(),
		ScriptPodServiceAccountName: k.ServiceAccount, AuthContext: k.AuthContext, ScriptPodPlatform: k.Platform,
		CalamariImageConfiguration: k.Calamari,
	}))
}

func (r runnerKubernetes) status(ctx context.Context, ticket ScriptTicket, from int64) (*scriptStatus, error) {
	return statusKubernetes(r.service.GetStatus(ctx, &KubernetesScriptStatusRequestV1{ticket, from}))
}

func (r runnerKubernetes) cancel(ctx context.Context, ticket ScriptTicket, from int64) (*scriptStatus, error) {
	return statusKubernetes(r.service.CancelScript(ctx, &CancelKubernetesScriptCommandV1{ticket, from}))
}

func (r runnerKubernetes) complete(ctx context.Context, ticket ScriptTicket, _ int64) (*scriptStatus, error) {
	return nil, r.service.CompleteScript(ctx, &CompleteKubernetesScriptCommandV1{ticket})
}

func statusKubernetes(r *KubernetesScriptStatusResponseV1, err error) (*scriptStatus, error) {
	switch {
	case err != nil:
		return nil, err
	case r == nil:
		return nil, errNoStatus
	}
	return &scriptStatus{r.ScriptTicket, r.Logs, r.NextLogSequence, r.State, r.ExitCode}, nil
}
