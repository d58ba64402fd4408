using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Runcvm.Tests.Layout;

/// <summary>
/// The types of one assembly, and which of them each one needs: in bases, fields, signatures, generic arguments,
/// attributes, and in every operand of its code. A nested type counts to its outermost one, and so does what the
/// compiler makes of lambdas, iterators and async methods. Constants are no references: the compiler copies them.
/// </summary>
internal sealed class TypeReferences
{
    private static readonly Dictionary<int, OperandType> Operands = typeof(OpCodes).GetFields()
        .Select(static field => (OpCode)field.GetValue(null)!)
        .ToDictionary(static code => code.Value & 0xffff, static code => code.OperandType);

    private readonly MetadataReader _metadata;
    private readonly PEReader _file;
    private readonly Signatures _signatures;

    private TypeReferences(PEReader file)
    {
        _file = file;
        _metadata = file.GetMetadataReader();
        _signatures = new(this);
    }

    /// <summary>Every pair of a type and one that it needs, by full names; both are of
    /// <paramref name="assembly"/>.</summary>
    internal static HashSet<(string From, string To)> Of(Assembly assembly)
    {
        using PEReader file = new(File.OpenRead(assembly.Location));
        TypeReferences reader = new(file);
        HashSet<(string, string)> pairs = [];
        foreach (TypeDefinitionHandle handle in reader._metadata.TypeDefinitions)
        {
            string from = reader.Name(handle);
            foreach (TypeDefinitionHandle needed in reader.NeededBy(handle))
                pairs.Add((from, reader.Name(needed)));
        }
        return [.. pairs.Where(static pair =>
            pair.Item1 != pair.Item2 && IsWritten(pair.Item1) && IsWritten(pair.Item2))];
    }

    // The compiler's own types have names that no source can have.
    private static bool IsWritten(string name) => !name.Contains('<', StringComparison.Ordinal);

    private string Name(TypeDefinitionHandle handle)
    {
        TypeDefinition type = _metadata.GetTypeDefinition(handle);
        while (!type.GetDeclaringType().IsNil) type = _metadata.GetTypeDefinition(type.GetDeclaringType());
        string name = _metadata.GetString(type.Name);
        return type.Namespace.IsNil ? name : $"{_metadata.GetString(type.Namespace)}.{name}";
    }

    private IEnumerable<TypeDefinitionHandle> NeededBy(TypeDefinitionHandle handle)
    {
        TypeDefinition type = _metadata.GetTypeDefinition(handle);
        return
        [
            .. Of(type.BaseType),
            .. type.GetInterfaceImplementations()
                .SelectMany(each => Of(_metadata.GetInterfaceImplementation(each).Interface)),
            .. OfConstraints(type.GetGenericParameters()),
            .. OfAttributes(type.GetCustomAttributes()),
            .. type.GetProperties()
                .SelectMany(each => OfAttributes(_metadata.GetPropertyDefinition(each).GetCustomAttributes())),
            .. type.GetFields().SelectMany(OfField),
            .. type.GetMethods().SelectMany(OfMethod),
        ];
    }

    private IEnumerable<TypeDefinitionHandle> OfField(FieldDefinitionHandle handle)
    {
        FieldDefinition field = _metadata.GetFieldDefinition(handle);
        return [.. field.DecodeSignature(_signatures, null), .. OfAttributes(field.GetCustomAttributes())];
    }

    private IEnumerable<TypeDefinitionHandle> OfMethod(MethodDefinitionHandle handle)
    {
        MethodDefinition method = _metadata.GetMethodDefinition(handle);
        MethodSignature<ImmutableArray<TypeDefinitionHandle>> signature = method.DecodeSignature(_signatures, null);
        return
        [
            .. Signatures.All(signature),
            .. OfConstraints(method.GetGenericParameters()),
            .. OfAttributes(method.GetCustomAttributes()),
            .. method.GetParameters()
                .SelectMany(each => OfAttributes(_metadata.GetParameter(each).GetCustomAttributes())),
            .. method.RelativeVirtualAddress == 0 ? [] : OfBody(_file.GetMethodBody(method.RelativeVirtualAddress)),
        ];
    }

    private List<TypeDefinitionHandle> OfBody(MethodBodyBlock body)
    {
        List<TypeDefinitionHandle> needed = [.. body.ExceptionRegions.SelectMany(each => Of(each.CatchType))];
        if (!body.LocalSignature.IsNil) needed.AddRange(Of(body.LocalSignature));
        BlobReader code = body.GetILReader();
        while (code.RemainingBytes > 0)
        {
            int value = code.ReadByte();
            if (value == 0xfe) value = (value << 8) | code.ReadByte();
            switch (Operands[value])
            {
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineSig
                    or OperandType.InlineTok or OperandType.InlineType:
                    needed.AddRange(Of(MetadataTokens.EntityHandle(code.ReadInt32())));
                    break;
                case OperandType.InlineSwitch:
                    int targets = code.ReadInt32();
                    code.Offset += 4 * targets;
                    break;
                case OperandType operand:
                    code.Offset += Length(operand);
                    break;
            }
        }
        return needed;
    }

    private static int Length(OperandType operand) => operand switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineBrTarget or OperandType.InlineI or OperandType.InlineString or OperandType.ShortInlineR => 4,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        _ => throw new InvalidDataException($"an operand of kind {operand}"),
    };

    private IEnumerable<TypeDefinitionHandle> OfConstraints(GenericParameterHandleCollection parameters)
        => parameters.SelectMany(each => _metadata.GetGenericParameter(each).GetConstraints())
            .SelectMany(each => Of(_metadata.GetGenericParameterConstraint(each).Type));

    private IEnumerable<TypeDefinitionHandle> OfAttributes(CustomAttributeHandleCollection attributes)
        => attributes.SelectMany(each => Of(_metadata.GetCustomAttribute(each).Constructor));

    /// <summary>The types of this assembly that one token names.</summary>
    internal IEnumerable<TypeDefinitionHandle> Of(EntityHandle handle)
    {
        if (handle.IsNil) return [];
        switch (handle.Kind)
        {
            case HandleKind.TypeDefinition:
                return [(TypeDefinitionHandle)handle];
            case HandleKind.TypeSpecification:
                return _metadata.GetTypeSpecification((TypeSpecificationHandle)handle)
                    .DecodeSignature(_signatures, null);
            case HandleKind.FieldDefinition:
                return [_metadata.GetFieldDefinition((FieldDefinitionHandle)handle).GetDeclaringType()];
            case HandleKind.MethodDefinition:
                return [_metadata.GetMethodDefinition((MethodDefinitionHandle)handle).GetDeclaringType()];
            case HandleKind.MemberReference:
                return Of(_metadata.GetMemberReference((MemberReferenceHandle)handle).Parent);
            case HandleKind.MethodSpecification:
                MethodSpecification method = _metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                return
                [
                    .. Of(method.Method),
                    .. method.DecodeSignature(_signatures, null).SelectMany(static each => each),
                ];
            case HandleKind.StandaloneSignature:
                StandaloneSignature alone = _metadata.GetStandaloneSignature((StandaloneSignatureHandle)handle);
                return alone.GetKind() == StandaloneSignatureKind.Method
                    ? Signatures.All(alone.DecodeMethodSignature(_signatures, null))
                    : alone.DecodeLocalSignature(_signatures, null).SelectMany(static each => each);
            case HandleKind.TypeReference:
                return [];
            default:
                throw new InvalidDataException($"a token of kind {handle.Kind}");
        }
    }
}
