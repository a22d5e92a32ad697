// ERROR: 3:47: Func<int> is a delegate, which cannot be sent; make it a method of a contract that the peer serves
// OPTIONS: -type B
namespace Samples { internal class B { public Func<int> F; } }
