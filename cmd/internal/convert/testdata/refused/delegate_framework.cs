// ERROR: 4:50: System.Action<int> is a delegate, which cannot be sent; make it a method of a contract that the peer serves
// ERROR: 4:72: Func<int> is a delegate, which cannot be sent; make it a method of a contract that the peer serves
// ERROR: 4:85: EventHandler is a delegate, which cannot be sent; make it a method of a contract that the peer serves
namespace Samples { public interface IA { void M(System.Action<int> a, Func<int> f, EventHandler e); } }
