// ERROR: 2:4: expected a comma or “]” after attribute A, found “B”
[A B]
public class C { }
