#nullable enable
#define OWN
#undef GONE
namespace Samples;

#if DEFINED && !MISSING && (OWN || false) && true == true && GONE != true
public interface ITaken
{
    string? Maybe(string sure, List<int?>? list);
#nullable disable
    string Old(string value);
#nullable restore
    int? Plain(int[]?[,] arrays, (string name, int count) tuple, int*[] pointers);
#nullable enable annotations
    string Annotated();
#nullable disable warnings
    string StillAnnotated();
}
#elif OWN
public interface INotTaken { this is 'not C# }
#else
  #if NESTED
public interface INotTakenEither { }
  #else
public interface INorThis { }
  #endif
#endif

#if MISSING
'"
#elif DEFINED
public class Second : global::System.Object { public global::Samples.ITaken.Inner<int>.More<long> X; }
#else
public class Third { }
#endif

#if MISSING
#else
public class Fourth { public dynamic Typed = typeof(Dictionary<,>); [A(typeof(Samples.Fourth), 1 + 2)] public nint N; };
#endif
