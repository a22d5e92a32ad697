// ERROR: 2:34: Samples.ColourRed becomes ColourRed in Go, and so does what stands at constant_and_type.cs:2:83; convert one namespace at a time with -namespace
namespace Samples { public class ColourRed { public int X; } public enum Colour { Red } public interface IA { ColourRed M(Colour c); } }
