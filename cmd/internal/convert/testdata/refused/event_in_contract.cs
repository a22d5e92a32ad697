// ERROR: 3:43: IA has an event, which peers cannot call; make it a method
// ERROR: 3:73: IA has an indexer, which peers cannot call; make it a method
namespace Samples { public interface IA { event System.Action Done; int this[int i] { get; } void M(); } }
