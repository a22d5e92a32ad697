// ERROR: 3:62: Dictionary<K, int> has keys that do not travel as text; use a string, a number, an enum, a Guid or a DateTime
// ERROR: 3:83: Dictionary<List<int>, int> has keys that do not travel as text; use a string, a number, an enum, a Guid or a DateTime
namespace Samples { public class K { } public interface IA { Dictionary<K, int> M(Dictionary<List<int>, int> d); } }
