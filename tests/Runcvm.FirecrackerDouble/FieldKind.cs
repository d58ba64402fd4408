namespace Runcvm.FirecrackerDouble;

/// <summary>Kinds of JSON values.</summary>
internal enum FieldKind
{
    Text,
    Number,
    Flag,
    List,
    Thing,
}
