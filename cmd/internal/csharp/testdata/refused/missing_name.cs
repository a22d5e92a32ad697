// ERROR: 2:14: expected a name, found “{”
public class { }
