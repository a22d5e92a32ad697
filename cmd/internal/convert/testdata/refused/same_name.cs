// ERROR: 2:34: Samples.A becomes A in Go, and so does what stands at same_name.cs:2:135; convert one namespace at a time with -namespace
namespace Samples { public class A { public int X; } public interface IA { A M(Other.A a); } } namespace Samples.Other { public class A { public int X; } }
