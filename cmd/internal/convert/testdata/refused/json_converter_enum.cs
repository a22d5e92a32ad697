// ERROR: 2:89: C.Y: [JsonConverter(typeof(StringEnumConverter))] is understood on an enum, not on a member; put it there
namespace Samples { [JsonConverter(typeof(Mine))] public enum E { A } public class C { [JsonConverter(typeof(StringEnumConverter))] public E Y; } public interface IA { void M(C c); } }
