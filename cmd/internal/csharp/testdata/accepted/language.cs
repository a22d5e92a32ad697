// Everything that stands around declarations.
extern alias other;
global using System;
using System.Collections.Generic;
using static System.Math;
using Names = System.Collections.Generic.List<string>;
[assembly: System.Reflection.AssemblyTitle("x")]

#region a region
#pragma warning disable 1591
namespace Samples.Outer
{
    using Newtonsoft.Json;

    namespace Inner
    {
        /// <summary>
        /// A person.
        /// </summary>
        [Serializable, JsonObject(MemberSerialization.OptIn, Title = "x")]
        public sealed partial class Person<[Some] TKey, TValue> : Base<TKey>, IEquatable<Person<TKey, TValue>>
            where TKey : class, new()
            where TValue : struct
        {
            public const string Text = "braces } in a string", Other = @"verbatim "" }";
            private readonly Dictionary<string, List<int>> map = new Dictionary<string, List<int>>(), second;
            public int a, b = 2, c;
            public unsafe fixed byte buffer[16];
            static int counter = Math.Max(1, 2);
            public volatile bool flag;

            [JsonProperty("full_name", Order = 1)] public string Name { get; private set; } = "x";
            [field: NonSerialized] public int Age { get; init; }
            public int Computed => a + b;
            public int Body { get { return a; } }
            public int Both { get => a; set { a = value; } }
            public int this[int index] => index;
            int IAge.Age => 1;
            string ISome<int>.Name { get; set; }
            public required string Must { get; set; }
            public event EventHandler Changed;
            public event EventHandler Custom { add { } remove { } }

            static Person() { }
            public Person(string name, int age = 3) : this(name) { Name = name; }
            ~Person() { }
            public static bool operator ==(Person<TKey, TValue> l, Person<TKey, TValue> r) => true;
            public static bool operator !=(Person<TKey, TValue> l, Person<TKey, TValue> r) { return false; }
            public static implicit operator string(Person<TKey, TValue> p) => "x";

            public async System.Threading.Tasks.Task<int> Work<T>(ref int x, out string y, in long z, params object[] rest) where T : class
            {
                var s = $"a {b:x} {{ }} {(a > b ? "}" : $"{c}")} {{";
                var v = $@"c:\{a}""}}";
                var w = @$"x{a}""";
                var raw = """
                    { "quotes" } }
                    """;
                var json = $$"""{ {{a}} "" }""""";
                var ch = '}'; var quote = '\''; var tab = '\t'; var code = '\u007D'; var hex = '\x7D'; var big = "\U0001F600"u8;
                var number = 1.5e-3 + 0x7F.ToString().Length + 1_000;
                /* } */ // }
                foreach (var x1 in new[] { 1, 2 }) { if (x1 < 2 && x1 > 0) { } }
                return await other::Some.Thing();
            }

            private enum Kind : byte { None, [EnumMember(Value = "one")] One = 1 << 0, /** <summary>Two</summary> */ Two = One | 0x2, }
            protected interface INested { void M(); }
            public delegate int Handler<in T>(T value);
            public record Point(int X, [property: JsonProperty("why")] int Y = 0);
            public readonly record struct Size(double W, double H) { public double Area => W * H; }
            public record class Big : Person<string, int>(1, 2) { };
            public readonly ref struct Window { public int Z; }
            internal static class Constants { public const int @class = 1; }
        }
    }
}
#endregion
