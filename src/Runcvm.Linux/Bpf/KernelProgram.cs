using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Bpf;

/// <summary>A program for the kernel's machine, one method an instruction:
/// Documentation/bpf/standardization/instruction-set.rst. The kernel checks each road through it when it is
/// loaded.</summary>
public sealed class KernelProgram
{
    private const int InstructionSize = 8;
    private const byte Long = 0x07;
    private const byte Short = 0x04;
    private const byte LongJump = 0x05;
    private const byte ShortJump = 0x06;
    private const byte OfRegister = 0x08;

    private readonly List<(byte Code, byte Registers, int Label, short Offset, int Value)> _instructions = [];
    private readonly List<int> _labels = [];

    /// <summary>How many instructions it has.</summary>
    public int Length => _instructions.Count;

    /// <summary>A place to jump to, which <see cref="Place"/> must follow.</summary>
    public int Label()
    {
        _labels.Add(-1);
        return _labels.Count - 1;
    }

    /// <summary>The label stands for what comes next.</summary>
    public void Place(int label) => _labels[label] = _instructions.Count;

    /// <summary>A new label that stands for what comes next.</summary>
    public int Here()
    {
        int label = Label();
        Place(label);
        return label;
    }

    /// <summary>Puts a number into a register; its sign fills the upper half.</summary>
    public void Set(Register to, int value) => Add(0xB0 | Long, to, value: value);

    /// <summary>Copies a register.</summary>
    public void Copy(Register to, Register from) => Add(0xB0 | Long | OfRegister, to, from);

    /// <summary>Puts a map into a register, as an argument for calls.</summary>
    public void Set(Register to, KernelMap map)
    {
        const byte LoadPointer = 0x18;
        Add(LoadPointer, to, (Register)Libc.BPF_PSEUDO_MAP_FD, value: map.Number);
        Add(0, Register.R0);
    }

    /// <summary>Puts an address on the stack into a register.</summary>
    public void AddressOf(Register to, int stackOffset)
    {
        Copy(to, Register.Stack);
        Compute(Arithmetic.Add, to, stackOffset);
    }

    /// <summary>Computes with all 64 bits.</summary>
    public void Compute(Arithmetic what, Register to, int value) => Add((byte)((byte)what | Long), to, value: value);

    /// <summary>Computes with all 64 bits.</summary>
    public void Compute(Arithmetic what, Register to, Register with)
        => Add((byte)((byte)what | Long | OfRegister), to, with);

    /// <summary>Computes with 32 bits; the others become 0.</summary>
    public void ComputeShort(Arithmetic what, Register to, int value)
        => Add((byte)((byte)what | Short), to, value: value);

    /// <summary>Computes with 32 bits; the others become 0.</summary>
    public void ComputeShort(Arithmetic what, Register to, Register with)
        => Add((byte)((byte)what | Short | OfRegister), to, with);

    /// <summary>Turns a number of the network into the machine's, or back; the bits above become 0.</summary>
    /// <param name="register">the number</param>
    /// <param name="bits">16, 32 or 64</param>
    public void SwapOrder(Register register, int bits) => Add(0xDC, register, value: bits);

    /// <summary>Reads from memory.</summary>
    public void Load(Width width, Register to, Register address, int offset = 0)
        => Add((byte)(0x61 | (byte)width), to, address, offset: offset);

    /// <summary>Writes to memory.</summary>
    public void Store(Width width, Register address, int offset, Register from)
        => Add((byte)(0x63 | (byte)width), address, from, offset: offset);

    /// <summary>Writes a number to memory.</summary>
    public void Store(Width width, Register address, int offset, int value)
        => Add((byte)(0x62 | (byte)width), address, offset: offset, value: value);

    /// <summary>Adds to a number of 8 bytes in memory, also while others do.</summary>
    public void AddAtomically(Register address, int offset, Register value)
        => Add(0xDB, address, value, offset: offset);

    /// <summary>Jumps, comparing 64 bits with a number whose sign fills the upper half.</summary>
    public void JumpIf(Register left, Condition condition, int right, int label)
        => Add((byte)((byte)condition | LongJump), left, value: right, label: label);

    /// <summary>Jumps, comparing 64 bits.</summary>
    public void JumpIf(Register left, Condition condition, Register right, int label)
        => Add((byte)((byte)condition | LongJump | OfRegister), left, right, label: label);

    /// <summary>Jumps, comparing the lower 32 bits.</summary>
    public void JumpIfShort(Register left, Condition condition, int right, int label)
        => Add((byte)((byte)condition | ShortJump), left, value: right, label: label);

    /// <summary>Jumps always.</summary>
    public void Jump(int label) => Add(LongJump, Register.R0, label: label);

    /// <summary>Calls a function that every kernel has under this number.</summary>
    public void Call(KernelFunction function) => Add(0x85, Register.R0, value: (int)function);

    /// <summary>Calls a function of this kernel, see <see cref="KernelTypes.Function"/>.</summary>
    public void CallOwn(int function)
    {
        const byte PseudoFunction = 2;
        Add(0x85, Register.R0, (Register)PseudoFunction, value: function);
    }

    /// <summary>Ends with what is in R0.</summary>
    public void Exit() => Add(0x95, Register.R0);

    /// <summary>Ends.</summary>
    public void Exit(int verdict)
    {
        Set(Register.R0, verdict);
        Exit();
    }

    /// <summary>Has the kernel check and take it, as one for traffic control's ingress that decides by its
    /// result.</summary>
    /// <param name="name">at most 15 letters, digits and _</param>
    public SafeFileHandle Load(string name)
        => BpfCall.Load(ToBytes(), Libc.BPF_PROG_TYPE_SCHED_CLS, 0, name);

    internal byte[] ToBytes()
    {
        byte[] bytes = new byte[_instructions.Count * InstructionSize];
        for (int i = 0; i < _instructions.Count; i++)
        {
            (byte code, byte registers, int label, short offset, int value) = _instructions[i];
            Span<byte> item = bytes.AsSpan(i * InstructionSize);
            item[0] = code;
            item[1] = registers;
            BinaryPrimitives.WriteInt16LittleEndian(
                item[2..], label < 0 ? offset : checked((short)(Target(label) - i - 1)));
            BinaryPrimitives.WriteInt32LittleEndian(item[4..], value);
        }

        return bytes;
    }

    private int Target(int label)
        => _labels[label] >= 0 ? _labels[label] : throw new InvalidOperationException("a jump leads nowhere");

    private void Add(byte code, Register to, Register from = Register.R0, int offset = 0, int value = 0, int label = -1)
        => _instructions.Add((code, (byte)((byte)to | ((byte)from << 4)), label, checked((short)offset), value));
}
