// ERROR: 3:43: HashSet<List<int>> is a set whose elements Go cannot compare; use a list
// ERROR: 3:64: HashSet<object> is a set whose elements Go cannot compare; use a list
namespace Samples { public interface IA { HashSet<List<int>> M(HashSet<object> a); } }
