namespace Runcvm.Tests.Layout;

// One type for each place in which RoomTests must find one.
internal class InBase;

internal sealed class InField;

internal sealed class InArgument;

internal sealed class InSignature;

internal sealed class InLambda;

internal sealed class InAsync;

internal sealed class InLocal;

internal sealed class InNested;

[AttributeUsage(AttributeTargets.Class)]
internal sealed class InAttribute : Attribute;

/// <summary>Needs each of the types above in another way.</summary>
[InAttribute]
internal sealed class ReferenceSample : InBase
{
    // By its type alone: nothing may give it a value.
#pragma warning disable CS0649
    private readonly InField? _field;
#pragma warning restore CS0649

    internal bool HasField => _field is not null;

    internal static void Take(InSignature? given) => Nothing(given);

    internal static Func<object> Lambda() => static () => new InLambda();

    internal static async Task<object> LaterAsync()
    {
        await Task.Yield();
        return new InAsync();
    }

    internal static int Switch(int value, object given)
    {
        InLocal? local = given as InLocal;
        // Enough cases for a jump table, whose length the reader of code must know.
        return value switch { 0 => 7, 1 => 3, 2 => 9, 3 => 1, 4 => 5, 5 => local is null ? 0 : 8, _ => List() };
    }

    private static int List() => new List<InArgument>().Count;

    private static void Nothing(object? given) => _ = given;

    internal sealed class Nested
    {
        internal static object Make() => new InNested();
    }
}
