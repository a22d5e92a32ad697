// ERROR: 3:39: the name in [JsonProperty] of X is not a plain text, so it is not known here; write the text
// ERROR: 3:77: the name in [DataMember] of Y is not a plain text, so it is not known here; write the text
namespace Samples { public class B { [JsonProperty(Names.X)] public int X; [DataMember(Name = $"x{1}")] [JsonProperty] public int Y; } public interface IA { B M(); } }
