using System.Buffers.Binary;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>A program of classic BPF that is being written.</summary>
internal sealed class FilterInstructions
{
    private readonly List<(int Code, int True, int False, uint Operand)> _instructions = [];

    internal int Count => _instructions.Count;

    internal void Load(int offset) => Add(Libc.BPF_LD | Libc.BPF_W | Libc.BPF_ABS, (uint)offset);

    internal void Compare(uint value, int whenTrue) => Add(Libc.BPF_JMP | Libc.BPF_JEQ | Libc.BPF_K, value, whenTrue);

    internal void Return(uint answer) => Add(Libc.BPF_RET | Libc.BPF_K, answer);

    internal void Add(int code, uint operand, int whenTrue = 0, int whenFalse = 0)
        => _instructions.Add((code, whenTrue, whenFalse, operand));

    /// <summary>Adds a jump that <see cref="Land"/> gives its target.</summary>
    /// <returns>its place</returns>
    internal int Jump()
    {
        Add(Libc.BPF_JMP | Libc.BPF_JA, 0);
        return Count - 1;
    }

    /// <summary>Has a jump go on with what comes next.</summary>
    internal void Land(int jump)
        => _instructions[jump] = _instructions[jump] with { Operand = (uint)(Count - jump - 1) };

    /// <summary>Adds a comparison from which it goes on elsewhere where it holds. A comparison alone jumps over 255
    /// instructions at most.</summary>
    internal void AddFarJump(int test, uint value)
    {
        Add(Libc.BPF_JMP | test | Libc.BPF_K, value, whenFalse: 1);
        Jump();
    }

    /// <summary>Has such a jump, which began at this place, go on with what comes next.</summary>
    internal void LandFarJump(int at) => Land(at + 1);

    internal byte[] ToBytes()
    {
        byte[] bytes = new byte[_instructions.Count * SystemCallProgram.InstructionSize];
        for (int i = 0; i < _instructions.Count; i++)
        {
            (int code, int whenTrue, int whenFalse, uint operand) = _instructions[i];
            Span<byte> item = bytes.AsSpan(i * SystemCallProgram.InstructionSize);
            BinaryPrimitives.WriteUInt16LittleEndian(item, (ushort)code);
            item[2] = checked((byte)whenTrue);
            item[3] = checked((byte)whenFalse);
            BinaryPrimitives.WriteUInt32LittleEndian(item[4..], operand);
        }

        return bytes;
    }
}
