// ERROR: 3:22: B is written by a [JsonConverter], whose code decides its form; write this type in Go by hand
// ERROR: 3:102: C.Y is written by a [JsonConverter], whose code decides its form; write this type in Go by hand
namespace Samples { [JsonConverter(typeof(Mine))] public class B { public int X; } public class C { [JsonConverter(typeof(Other))] public int Y; } public interface IA { B M(C c); } }
