// ERROR: 2:26: expected a comma or “}” after Red, found “Green”
public enum Colour { Red Green }
