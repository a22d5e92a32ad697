package refused

import "context"

//halibut:method X
//halibut:service
//halibut:dotnet yes
//halibut:service I
//halibut:service J
type Contract interface {
	//halibut:method not a name
	//halibut:idempotent
	//halibut:idempotent
	//halibut:service X
	//halibut:retry
	M(ctx context.Context) error
}
