// ERROR: 13:1: //halibut:method means nothing on a contract; there may be service, dotnet
// ERROR: 14:1: //halibut:service takes the name that peers use, as in //halibut:service IEchoService; found ""
// ERROR: 15:1: //halibut:dotnet takes nothing after it; remove "yes"
// ERROR: 17:1: //halibut:service stands here twice; remove one
// ERROR: 19:2: //halibut:method takes the name that peers use, as in //halibut:method SayHello; found "not a name"
// ERROR: 21:2: //halibut:idempotent stands here twice; remove one
// ERROR: 22:2: //halibut:service means nothing on a method; there may be method, idempotent
// ERROR: 23:2: //halibut:retry means nothing on a method; there may be method, idempotent
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
