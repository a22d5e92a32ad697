package halibut

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/halibut-go/halibut/wire"
)

// The names and texts by which peers know an error (docs/protocol.md section 6).
const (
	typeServiceNotFound       = "Halibut.Exceptions.ServiceNotFoundHalibutClientException"
	typeMethodNotFound        = "Halibut.Exceptions.MethodNotFoundHalibutClientException"
	typeAmbiguousMethod       = "Halibut.Exceptions.AmbiguousMethodMatchHalibutClientException"
	typeNoMatchingMethod      = "Halibut.Exceptions.NoMatchingServiceOrMethodHalibutClientException"
	typeServiceInvocation     = "Halibut.Exceptions.ServiceInvocationHalibutClientException"
	typeConnectingCancelled   = "Halibut.Exceptions.ConnectingRequestCancelledException"
	typeTransferringCancelled = "Halibut.Exceptions.TransferringRequestCancelledException"
	typeHalibutClient         = "Halibut.HalibutClientException"

	serviceNotFoundMarker = "Service not found: "
	ambiguousMarker       = "System.Reflection.AmbiguousMatchException: "
	invocationMarker      = "System.Reflection.TargetInvocationException: Exception has been thrown by the target of an invocation."
	notReceivedMarker     = "Halibut.HalibutClientException: the method was not run: "
	typeNotAllowedMarker  = "Halibut.Transport.Protocol.TypeNotAllowedException: "
)

// remoteError is what a peer's error means here.
func remoteError(s *wire.ServerError) *Error {
	e := &Error{
		Phase: PhaseReceiving, Remote: true,
		Message: s.Message, Details: s.Details, Type: s.Type,
	}
	e.Code, e.Outcome = classify(s)
	if e.Code == CodeAmbiguousMethod {
		e.Hint = "A .NET method takes integers as long and fractions as double, and no TimeSpan, DateTimeOffset, Uri, Version, enum or decimal as a direct argument; inside a class all of them work"
	}
	return e
}

// classify goes by the type name, and by the texts of releases that send none.
// Unlike the reference it looks for the mark of a method that ran before all
// other texts: a service's own words must not make a call seem safe to repeat.
func classify(s *wire.ServerError) (Code, Outcome) {
	switch s.Type {
	case typeServiceNotFound:
		return CodeServiceNotFound, NotRun
	case typeMethodNotFound, typeNoMatchingMethod:
		return CodeMethodNotFound, NotRun
	case typeAmbiguousMethod:
		return CodeAmbiguousMethod, NotRun
	case typeServiceInvocation:
		return CodeServiceFailed, Ran
	case typeConnectingCancelled:
		return CodeCanceled, NotRun
	case typeTransferringCancelled:
		return CodeCanceled, Unknown
	}
	switch {
	case strings.HasPrefix(s.Details, invocationMarker):
		return CodeServiceFailed, Ran
	case strings.HasPrefix(s.Message, serviceNotFoundMarker):
		return CodeServiceNotFound, NotRun
	case strings.HasPrefix(s.Message, "Service ") && strings.HasSuffix(s.Message, " not found"):
		return CodeMethodNotFound, NotRun
	case strings.HasPrefix(s.Details, ambiguousMarker):
		return CodeAmbiguousMethod, NotRun
	case strings.HasPrefix(s.Details, notReceivedMarker):
		return CodeStream, NotRun
	case strings.HasPrefix(s.Details, typeNotAllowedMarker):
		return CodeTypeNotAllowed, NotRun
	default:
		return CodeServiceFailed, Unknown
	}
}

// userError is what a method's error travels as.
func userError(err error) *wire.ServerError {
	var e *Error
	if !errors.As(err, &e) || e.ofCall() {
		return invocationFailed(exceptionName(err), err.Error())
	}
	failure := invocationFailed("System.Exception", e.Message)
	if e.Message == "" {
		failure.Message = err.Error()
	}
	if e.Details != "" {
		failure.Details = e.Details
	}
	if e.Type != "" {
		failure.Type = e.Type
		failure.Details = strings.Replace(failure.Details, "---> System.Exception", "---> "+e.Type, 1)
	}
	return failure
}

// ofCall reports whether the error came out of a call of this process. Such an
// error says what is known of that call; passed on as it is it would say it
// of the caller's, whose method has certainly run.
func (e *Error) ofCall() bool {
	return e.Remote || e.Endpoint != "" || e.Phase != PhaseNone || e.Outcome != Unknown
}

// exceptionName is the .NET exception that stands for a Go error.
func exceptionName(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "System.OperationCanceledException"
	case errors.Is(err, context.DeadlineExceeded):
		return "System.TimeoutException"
	default:
		return "System.Exception"
	}
}

func invocationFailed(exception, message string) *wire.ServerError {
	return &wire.ServerError{
		Message: message,
		Details: invocationMarker + "\n ---> " + exception + ": " + message,
	}
}

func serviceNotFound(name string) *wire.ServerError {
	message := serviceNotFoundMarker + name
	return &wire.ServerError{Message: message, Details: typeServiceNotFound + ": " + message, Type: typeServiceNotFound}
}

func methodNotFound(s *service, name string) *wire.ServerError {
	implemented := s.name
	for _, overloads := range s.methods {
		implemented = overloads[0].implemented
		break
	}
	message := fmt.Sprintf("Method %s::%sAsync not found", implemented, name)
	return &wire.ServerError{Message: message, Details: typeMethodNotFound + ": " + message, Type: typeMethodNotFound}
}

func (rt *Runtime) ambiguous(matches []*method, raw []wire.Raw) *wire.ServerError {
	return rt.ambiguousMatch("More than one possible match for the requested service method was found given the argument types. The matches were:", matches, raw)
}

func (rt *Runtime) undecided(candidates []*method, raw []wire.Raw) *wire.ServerError {
	return rt.ambiguousMatch("Could not decide which candidate to call out of the following methods:", candidates, raw)
}

func (rt *Runtime) ambiguousMatch(text string, methods []*method, raw []wire.Raw) *wire.ServerError {
	var b strings.Builder
	b.WriteString(text)
	for _, m := range methods {
		b.WriteString("\n - " + m.dotNetSignature(rt.codec))
	}
	b.WriteString("\nThe request arguments were:\n" + wire.ArgumentTypeNames(raw) + "\n")
	return &wire.ServerError{
		Message: b.String(),
		Details: typeAmbiguousMethod + ": " + b.String() + "\n ---> " + ambiguousMarker + b.String(),
		Type:    typeAmbiguousMethod,
	}
}

// dotNetSignature prints a method as .NET would print its asynchronous twin.
func (m *method) dotNetSignature(c *wire.Codec) string {
	params := m.params
	if m.live {
		params = append(params[:len(params)-1:len(params)-1], reflect.TypeFor[*wire.DataStream]())
	}
	return c.DotNetSignature(m.name, params, m.result)
}
