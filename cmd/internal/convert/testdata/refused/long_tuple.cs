// ERROR: 2:43: (int, int, int, int, int, int, int, int) has more than seven elements; declare a class
namespace Samples { public interface IA { (int, int, int, int, int, int, int, int) M(); } }
