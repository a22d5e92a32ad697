package jsonrpc

import (
	"strings"

	"github.com/halibut-go/halibut/wire"
)

// The short names of exceptions that the service of 2013 answers with itself,
// and what Halibut's later releases call the same.
const (
	codeInvocation = "TargetInvocationException"
	codeMissing    = "MissingMethodException"
	codeAmbiguous  = "AmbiguousMatchException"
	codeArgument   = "ArgumentException"
	codeOther      = "Exception"

	laterInvocation = "Halibut.Exceptions.ServiceInvocationHalibutClientException"
	laterMissing    = "Halibut.Exceptions.MethodNotFoundHalibutClientException"
	laterAmbiguous  = "Halibut.Exceptions.AmbiguousMethodMatchHalibutClientException"
	laterNoService  = "Halibut.Exceptions.ServiceNotFoundHalibutClientException"

	invocationMessage = "Exception has been thrown by the target of an invocation."
	invocationText    = "System.Reflection." + codeInvocation + ": " + invocationMessage
	noServiceMessage  = "Service not found: "
)

// serverError is a failure as Halibut's later releases tell it.
func (f *failure) serverError() *wire.ServerError {
	e := &wire.ServerError{Message: f.message, Details: f.data}
	switch {
	case f.code == codeInvocation:
		e.Type = laterInvocation
		if inner := innerMessage(f.data); inner != "" {
			e.Message = inner
		}
	case f.code == codeMissing:
		e.Type = laterMissing
	case f.code == codeAmbiguous:
		e.Type = laterAmbiguous
	case f.code == codeOther && strings.HasPrefix(f.message, noServiceMessage):
		e.Type = laterNoService
	}
	return e
}

// innerMessage finds the message of the exception that a service has thrown in
// the text of the one around it: " ---> System.Exception: boom".
func innerMessage(text string) string {
	_, inner, ok := strings.Cut(text, "---> ")
	if !ok {
		return ""
	}
	line, _, _ := strings.Cut(inner, "\n")
	_, message, _ := strings.Cut(line, ": ")
	return strings.TrimSpace(message)
}

// failureOf is an error as the service of 2013 tells it.
func failureOf(e *wire.ServerError, request *wire.Request) *failure {
	f := &failure{code: codeInvocation, message: invocationMessage, data: e.Details}
	switch {
	case e.Type == laterNoService:
		f.code, f.message = codeOther, noServiceMessage+request.Service
		f.data = "System.Exception: " + f.message
	case e.Type == laterMissing:
		f.code, f.message = codeMissing, "Method '"+request.Service+"."+request.Method+"' not found."
		f.data = "System.MissingMethodException: " + f.message
	case e.Type == laterAmbiguous:
		f.code, f.message = codeAmbiguous, e.Message
		f.data = "System.Reflection.AmbiguousMatchException: " + e.Message
	case !strings.HasPrefix(e.Details, invocationText):
		f.code, f.message = codeOther, e.Message
	}
	return f
}
