// ERROR: 2:76: S is a static class, which is no type of a value
namespace Samples { public static class S { } public interface IA { void M(S s); } }
