// Words that are keywords in some places only, as names.
namespace Words
{
    public class Names { public int file; public int required { get; set; } public int partial() => 1; }
    public class Uses
    {
        public Names record;
        public Names Make() { return null; }
        public @class @event { get; set; }
        public int @int = 1;
        public ref readonly int Reference() => ref x;
        public T scoped<T>(T scoped) => scoped;
        new public int Hidden { get; set; }
        public virtual int Virtual { get; set; }
        public override int Overridden { get; }
        public extern static void External();
        partial void Later();
        public int Setter { set { } }
        public int Semi { get; };
    }
    public static class Extensions { public static int Count(this Uses uses, in int x, scoped Span<int> s) => 1; }
    public interface IShape { int Area { get; } static int Zero => 0; int Default() => 1; event System.Action Done; int this[int i] { get; set; } }
    public class Empty;
    public struct Primary(int x) { public int X => x; }
    delegate void Hidden();
}
