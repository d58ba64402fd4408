namespace Runcvm.Linux.Processes;

/// <summary>What an argument of an allowed system call must be like. A filter sees the lower half of the register, which
/// is all that the kernel takes of the arguments that are looked at here: they are C's int, or flags below
/// 2^32.</summary>
public sealed record ArgumentRule
{
    private ArgumentRule(ArgumentTest test, int argument, uint[] values)
    {
        Test = test;
        Argument = argument;
        Values = values;
    }

    /// <summary>How the argument is looked at.</summary>
    public ArgumentTest Test { get; }

    /// <summary>Which argument, from 0.</summary>
    public int Argument { get; }

    /// <summary>The numbers, or one mask of bits.</summary>
    public IReadOnlyList<uint> Values { get; }

    /// <summary>Only these values.</summary>
    public static ArgumentRule OneOf(int argument, params uint[] values)
        => new(ArgumentTest.OneOf, argument, [.. values.Order()]);

    /// <summary>Any value but these.</summary>
    public static ArgumentRule NoneOf(int argument, params uint[] values)
        => new(ArgumentTest.NoneOf, argument, [.. values.Order()]);

    /// <summary>None of these bits.</summary>
    public static ArgumentRule WithoutBits(int argument, uint bits) => new(ArgumentTest.WithoutBits, argument, [bits]);

    /// <summary>Some of these bits perhaps, but not all of them together.</summary>
    public static ArgumentRule NotAllBits(int argument, uint bits) => new(ArgumentTest.NotAllBits, argument, [bits]);
}

/// <summary>How an argument of a system call is looked at.</summary>
public enum ArgumentTest
{
    /// <summary>It is one of the values.</summary>
    OneOf,
    /// <summary>It is none of the values.</summary>
    NoneOf,
    /// <summary>It has no bit of the mask.</summary>
    WithoutBits,
    /// <summary>It has not every bit of the mask.</summary>
    NotAllBits,
}
