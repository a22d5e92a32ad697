using Many.Types;
namespace Many
{
    public interface IThing { Part Take(Part part); }
    public interface IOther { void Skip(Missing missing); }
}
