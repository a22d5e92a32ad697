// ERROR: 2:93: B.Rest is [JsonExtensionData], whose entries become members of the document; use a dictionary without it
namespace Samples { public class B { [JsonExtensionData] public IDictionary<string, object> Rest; } public interface IA { B M(); } }
