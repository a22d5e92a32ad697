// ERROR: 2:34: expected a name, found “{”
namespace Samples { public class { } }
