// ERROR: 2:22: B is written by a [TypeConverter], whose code decides its form; write this type in Go by hand
namespace Samples { [TypeConverter(typeof(Mine))] public class B { public int X; } public interface IA { B M(); } }
