#nullable enable
using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Collections.ObjectModel;
using System.Runtime.Serialization;
using Halibut;
using Newtonsoft.Json;
using Newtonsoft.Json.Converters;
using Numbers = System.Collections.Generic.List<int>;
using Mark = Language.Contracts.Marks;

namespace Language.Contracts;

/// <summary>Every construct that is understood.</summary>
public interface IShelf : ICommon, IDisposable
{
    Result<Book> Find(long id, string title = "none", params string[] tags);
    Result<string> Describe(Book book);
    Result<Book> Find(string type);
    void Find(string type, string range);
    void Find(Book book, string range);
    Tuple<long> One(Tuple<long, string, bool, double, Guid> five);
    Nullable<long> Maybe(DateTime? when, long? count, bool? sure);
    IDictionary<Genre, List<Book>> ByGenre(IReadOnlyDictionary<string, Book> books);
    HashSet<Guid> Ids(ISet<string> names, IEnumerable<Book> books, ICollection<long> numbers);
    Animal Adopt(Animal animal, IPlace place);
    Mark Rate(System.String text);
    KeyValuePair<string, long>? Pair();
    long[,] Grid(Collection<long> numbers);
    object Anything();
    decimal Price();
    long _underscored(string ctx, string halibut, string @params);
    static int Zero() => 0;
}

public interface ICommon
{
    /// <summary>Says hello.
    /// # not a heading
    /// </summary>
    string Hello();
}

public class Result<T>
{
    public T? Value { get; set; }
    public List<T> More { get; set; } = new();
    public Result<T>? Next { get; set; }
}

public class Holder<TKey, TValue> where TKey : notnull
{
    public Dictionary<TKey, TValue> Map { get; set; }
}

/// <summary>A <see langword="null"/>-safe book, by <paramref name="x"/>.</summary>
public partial class Book
{
    public string title;
    [JsonProperty("pages")] public int PageCount { get; set; }
    [JsonProperty(PropertyName = "the\"isbn")] private string isbn;
    [JsonIgnore] public string Secret { get; set; }
    [NonSerialized] public int Scratch;
    [IgnoreDataMember] public int Ignored { get; set; }
    internal int Hidden { get; set; }
    public static int Count { get; set; }
    public const int Max = 3;
    public (string name, int count) Stock { get; set; }
    public (string, int)? Old { get; set; }
    public ValueTuple<bool, bool> Flags { get; set; }
    public Tuple<string, Genre> Pair { get; set; }
    public Genre? Genre { get; set; }
    public Size Size { get; set; }
    public Size? Cover { get; set; }
    public Numbers Ratings { get; set; }
    public Numbers? MoreRatings { get; set; }
    public Holder<string, Book> Related { get; set; }
    public Kind Sort { get; set; }
    public int this[int i] => i;
    public event EventHandler Changed { add { } remove { } }
}

public partial class Book
{
    public enum Kind { Paper, Ebook }
    public string DotNetType { get; set; }
    public int Title { get; set; }
    public string? Subtitle { get; set; }
    public Uri? Home { get; set; }
    public Version Edition { get; set; }
    public char Letter { get; set; }
    public decimal Price { get; set; }
    public byte[]? Cover2 { get; set; }
    public sbyte[] Signed { get; set; }
    public int Computed => PageCount * 2;
    public IReadOnlyList<string> Tags { get; set; }
    public IReadOnlyDictionary<int, double> Prices { get; set; }
    public ConcurrentDictionary<string, TimeSpan> Times { get; set; }
    public SortedSet<int> Sorted { get; set; }
    public ReadOnlyCollection<Animal> Animals { get; set; }
    public IPlace Place { get; set; }
    public object Extra { get; set; }
    public Dictionary<Level, bool> Levels { get; set; }
    public Level Level { get; set; }
    public DataStream Scan { get; set; }
    public DateTimeOffset? Printed { get; set; }
}

public abstract class Animal
{
    public string Name { get; set; } = "";
    public virtual int Legs { get; set; }
    public abstract string Sound { get; }
}

public abstract class Pet : Animal { }

public class Dog : Pet
{
    public override int Legs { get; set; }
    public override string Sound => "woof";
    public bool Barks { get; set; }
}

public sealed class Puppy : Dog { public int Weeks { get; set; } }

public record Fish(string Name2, [JsonProperty("deep")] double Depth) : Animal
{
    public override string Sound { get; } = "";
}

public interface IPlace { string Address { get; } }

public struct Point : IPlace { public double X, Y; public string Address { get; set; } }

public readonly record struct Size(double Width, double Height);

public class House : IPlace { public string Address { get; set; } }

[DataContract]
public class Wired
{
    [DataMember(Name = "a")] public int A { get; set; }
    [DataMember] private int b;
    public int C { get; set; }
}

[JsonObject(MemberSerialization.OptIn)]
public class Chosen : List<int>
{
    [JsonProperty] public int A { get; set; }
    public int C { get; set; }
}

[JsonObject(Title = "x")]
public class Named : Wired { [JsonRequired] int z { get; set; } }

public class Odd { public int _1 { get; set; } public int __ { get; set; } public int 世 { get; set; } }

public class Empty { }

public abstract class Alone { public int A { get; set; } }

[Flags]
public enum Genre : ushort
{
    None = 0,
    /// <summary>Made up.</summary>
    Fiction = 1,
    Crime = 1 << 1,
    Thriller = Fiction | Crime,
    Old = 0x10,
    All = unchecked((ushort)~0),
}

[Flags] public enum Nothing { }

[JsonConverter(typeof(StringEnumConverter))]
public enum Level { Low, [EnumMember(Value = "very high")] High }

public enum Marks : sbyte { Bad = -1, Fair, Good, Same = Good }

public enum Wide : ulong { Big = 18446744073709551615UL }
