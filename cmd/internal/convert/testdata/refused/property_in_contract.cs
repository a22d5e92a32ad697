// ERROR: 2:47: IA.Count is a property, which peers cannot call; make it a method
namespace Samples { public interface IA { int Count { get; } void M(); } }
