package halibut_test

import (
	"context"
	"fmt"
	"net/url"

	"github.com/halibut-go/halibut"
)

func ExampleParsePin() {
	pin, err := halibut.ParsePin("36:f3:50:47:ce:8b:00:0c:f4:c6:71:81:9a:2d:d1:af:cd:e3:40:3d")
	fmt.Println(pin, err)
	_, err = halibut.ParsePin("36F35047")
	fmt.Println(err)
	// Output:
	// 36F35047CE8B000CF4C671819A2DD1AFCDE3403D <nil>
	// pin "36F35047" has 8 hexadecimal digits: a SHA-1 thumbprint has 40
}

func ExampleParseEndpoint() {
	tentacle, err := halibut.ParseEndpoint("https://Tentacle.Example:10933", "36F35047CE8B000CF4C671819A2DD1AFCDE3403D")
	fmt.Println(tentacle, err)

	proxy := &url.URL{Scheme: "http", Host: "proxy.example:3128", User: url.UserPassword("user", "password")}
	fmt.Printf("%#v\n", tentacle.WithProxy(proxy))

	agent, err := halibut.ParseEndpoint("poll://SQ-Agent")
	fmt.Println(agent, err)

	_, err = halibut.ParseEndpoint("https://tentacle.example:10933")
	fmt.Println(err)
	// Output:
	// https://tentacle.example:10933/ <nil>
	// halibut.Endpoint{https://tentacle.example:10933/ pins 36F35047CE8B000CF4C671819A2DD1AFCDE3403D proxy http://user:xxxxx@proxy.example:3128}
	// poll://sq-agent/ <nil>
	// endpoint "https://tentacle.example:10933" has no pin: give the thumbprint of the certificate that the peer shows
}

func ExampleTrustList() {
	certificate := []byte("a certificate in DER")
	agent := halibut.PinSHA1(certificate)

	var trust halibut.TrustList // trusts nobody
	if err := trust.AllowPolling(agent, "poll://sq-agent"); err != nil {
		fmt.Println(err)
	}

	peer := halibut.Peer{Thumbprint: agent, Raw: certificate, Role: halibut.RolePoller, Subscription: "poll://sq-agent/"}
	fmt.Println(trust.Authorize(context.Background(), peer))
	peer.Role, peer.Subscription = halibut.RoleClient, ""
	fmt.Println(trust.Authorize(context.Background(), peer))
	// Output:
	// <nil>
	// the certificate 2BBE95186733035E4509BFC4C8EBE17569CBDB21 is trusted to poll poll://sq-agent/ but not to call
}
