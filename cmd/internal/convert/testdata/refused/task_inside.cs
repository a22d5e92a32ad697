// ERROR: 2:48: Task<int> is a task where a value is due; a contract's method returns the value, or Task as its whole result
namespace Samples { public interface IA { List<Task<int>> M(); } }
