# SPDX-License-Identifier: GPL-2.0-or-later
#
# rom.S - the option ROM of an emulated Radeon. The firmware runs it before
# the guest boots; it starts ("posts") the card the way the vendor's ROM does.
# A card that was started before and never truly reset does not answer: that
# is the reset bug, and it shows here.
#
# ../../model/README.md has the steps. mkrom fills in length and checksum.

.set ROM, 1

.code16
.text
.globl _start
_start:
	.byte	0x55, 0xaa
	.byte	0			# length in 512 byte blocks: mkrom
	jmp	entry
	.org	0x18
	.word	pcir - _start
	.word	0
	.org	0x1c
# How the firmware knows whose ROM this is.
pcir:
	.ascii	"PCIR"
	.word	0x1002, DEVICE
	.word	0
	.word	pcir_end - pcir
	.byte	0			# revision of this structure
	.byte	0x00, 0x00, 0x03	# a VGA card
	.word	0			# length again: mkrom
	.word	0
	.byte	0			# x86 code
	.byte	0x80			# the last image
	.word	0
pcir_end:

# %ax: bus and function of our card, from the firmware. Far call.
entry:
	pushal
	push	%ds
	cld
	mov	%ax, %bx
	call	io_base
	test	%di, %di
	jz	failed

	mov	$CONFIG_MEMSIZE, %eax
	call	rd
	cmp	$0xffffffff, %eax	# no chip behind the bus
	je	failed
	call	chip_start
	jc	failed

	call	pit
	mov	%ax, %bp		# last count seen
	mov	$238636, %ebx		# 200 ms at 1.193182 MHz
poll:	call	chip_runs
	jnc	ready
	call	pit
	xchg	%ax, %bp		# it counts down
	sub	%bp, %ax
	movzwl	%ax, %eax
	sub	%eax, %ebx
	ja	poll
	jmp	failed

ready:	mov	$SCRATCH_7, %eax
	call	rd
	or	$INIT_COMPLETE, %eax
	mov	%eax, %ecx
	mov	$SCRATCH_7, %eax
	call	wr
	mov	$text_ok, %si
	jmp	out
failed:	mov	$text_failed, %si
out:	call	puts
	pop	%ds
	popal
	lret

# pit: count of the timer chip's channel 0 -> %ax. The firmware has it run
# freely through 65536.
pit:
	mov	$0, %al
	out	%al, $0x43
	in	$0x40, %al
	mov	%al, %ah
	in	$0x40, %al
	xchg	%al, %ah
	ret

text_ok:	.asciz "gpu: post ok\r\n"
text_failed:	.asciz "gpu: post FAILED\r\n"

.include "card.inc"
