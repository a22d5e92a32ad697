// ERROR: 2:1: expected a class, struct, interface, enum, record or delegate, found “System”
System.Console.WriteLine("hi");
